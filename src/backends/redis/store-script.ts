/**
 * Stores a batch of result documents and tells whoever waits, in one command: nobody else stores
 * between the look at a document and its successor.
 */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { BackendStoreError } from '../errors.ts';
import type { Encoded } from '../result-codec.ts';
import { runScript, script } from './script.ts';

/**
 * KEYS     the documents' keys, which are the names of their channels too
 * ARGV[1]  seconds to live, 0 for ever
 * ARGV[2…] the documents, in the order of KEYS
 * returns  why they could not be announced, '' when they were: the user's ACL has not these channels
 *
 * Leaves a stored SUCCESS alone. `status` is Celery's first field, so the head of a document
 * tells; a quotation inside a value cannot pass for it because its quotes are escaped.
 */
const LUA = `
local ttl = tonumber(ARGV[1])
local refused = ''
for i, key in ipairs(KEYS) do
  local text = ARGV[i + 1]
  local head = redis.call('GETRANGE', key, 0, 255)
  if string.match(head, '"status"%s*:%s*"([^"]*)"') ~= 'SUCCESS' then
    if ttl > 0 then
      redis.call('SET', key, text, 'EX', ttl)
    else
      redis.call('SET', key, text)
    end
    local heard = redis.pcall('PUBLISH', key, text)
    if type(heard) == 'table' and heard.err then refused = heard.err end
  end
end
return refused
`;
const STORE = script(LUA);

export interface Document {
  readonly key: string;
  readonly text: Encoded;
}

export type OnUnannounced = (reason: string, key: string) => void;

export async function storeDocuments(
  client: Redis,
  documents: readonly Document[],
  ttl: number,
  onUnannounced: OnUnannounced,
): Promise<void> {
  const args: (Encoded | number)[] = [];
  for (const { key } of documents) args.push(key);
  args.push(ttl);
  for (const { text } of documents) args.push(text);
  const refused = await runScript(client, STORE, documents.length, args);
  if (refused) onUnannounced(String(refused), documents[0]!.key);
}

/**
 * KEYS     the documents' keys, which are the names of their channels too
 * ARGV[1]  seconds to live, 0 for ever
 * ARGV[2…] per key the SHA-1 of the document that is to be replaced ('' for none) and the new one
 * returns  why they could not be announced, and the positions, from 0, of the keys that hold another
 *          document by now
 */
const REPLACE_LUA = `
local ttl = tonumber(ARGV[1])
local changed = {}
local refused = ''
for i, key in ipairs(KEYS) do
  local stored = redis.call('GET', key)
  local document = ARGV[2 * i + 1]
  if (stored and redis.sha1hex(stored) or '') ~= ARGV[2 * i] then
    table.insert(changed, i - 1)
  else
    if ttl > 0 then
      redis.call('SET', key, document, 'EX', ttl)
    else
      redis.call('SET', key, document)
    end
    local heard = redis.pcall('PUBLISH', key, document)
    if type(heard) == 'table' and heard.err then refused = heard.err end
  end
end
return {refused, changed}
`;
const REPLACE = script(REPLACE_LUA);

/** Each round at least one writer of a key gets on; more than this wait for none. */
const MOST_ROUNDS = 1000;

export interface EncodedStore {
  readonly ttl: number;
  readonly isFinal: (document: Buffer) => boolean;
  readonly onUnannounced: OnUnannounced;
}

/** The same for documents in which only the caller can find the state. */
export async function storeEncodedDocuments(
  client: Redis,
  documents: readonly Document[],
  how: EncodedStore,
): Promise<void> {
  let left = documents;
  for (let round = 0; left.length > 0; round++) {
    if (round === MOST_ROUNDS) {
      const key = left[0]!.key;
      throw new BackendStoreError(`${key} is changed all the time`, { taskId: key, state: '' });
    }
    left = await replaceDocuments(client, left, how);
  }
}

/** @returns those whose key somebody else has changed meanwhile */
async function replaceDocuments(
  client: Redis,
  documents: readonly Document[],
  { ttl, isFinal, onUnannounced }: EncodedStore,
): Promise<Document[]> {
  const stored = await client.mgetBuffer(documents.map(({ key }) => key));
  const open = documents.flatMap((document, i) => {
    const current = stored[i] ?? null;
    return current !== null && isFinal(current) ? [] : [{ document, current }];
  });
  if (open.length === 0) return [];
  const args: (Encoded | number)[] = open.map(({ document }) => document.key);
  args.push(ttl);
  for (const { document, current } of open) {
    args.push(current === null ? '' : createHash('sha1').update(current).digest('hex'));
    args.push(document.text);
  }
  const [refused, changed] = (await runScript(client, REPLACE, open.length, args)) as [
    string,
    number[],
  ];
  if (refused) onUnannounced(refused, open[0]!.document.key);
  return changed.map(i => open[i]!.document);
}
