/** Stores a batch of result documents and tells whoever waits, in one command. */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/**
 * KEYS     the documents' keys, which are the names of their channels too
 * ARGV[1]  seconds to live, 0 for ever
 * ARGV[2…] the documents, in the order of KEYS
 * returns  the number of documents stored
 *
 * Leaves a stored SUCCESS alone. `status` is Celery's first field, so the head of a document
 * tells; a quotation inside a value cannot pass for it because its quotes are escaped.
 */
const LUA = `
local ttl = tonumber(ARGV[1])
local stored = 0
for i, key in ipairs(KEYS) do
  local text = ARGV[i + 1]
  local head = redis.call('GETRANGE', key, 0, 255)
  if string.match(head, '"status"%s*:%s*"([^"]*)"') ~= 'SUCCESS' then
    if ttl > 0 then
      redis.call('SET', key, text, 'EX', ttl)
    else
      redis.call('SET', key, text)
    end
    redis.call('PUBLISH', key, text)
    stored = stored + 1
  end
end
return stored
`;
const SHA = createHash('sha1').update(LUA).digest('hex');

export interface Document {
  readonly key: string;
  readonly text: string;
}

export async function storeDocuments(
  client: Redis,
  documents: readonly Document[],
  ttl: number,
): Promise<void> {
  const args: (string | number)[] = [];
  for (const { key } of documents) args.push(key);
  args.push(ttl);
  for (const { text } of documents) args.push(text);
  try {
    await client.evalsha(SHA, documents.length, ...args);
  } catch (error) {
    // a server that was restarted has forgotten the script
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    await client.eval(LUA, documents.length, ...args);
  }
}
