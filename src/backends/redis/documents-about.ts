/** Looks through all result documents, without keeping the server from its other work. */
import type { Redis } from 'ioredis';
import type { Encoded } from '../result-codec.ts';
import type { RedisDocuments } from './documents.ts';

/** Keys that the server looks at for one answer. */
const KEYS_AT_ONCE = 1000;

export interface Shelf {
  readonly client: Redis;
  readonly documents: RedisDocuments;
  /** Of the keys of results. */
  readonly prefix: string;
}

/** Keys and documents in which `id` stands somewhere; each once. */
export async function* documentsAbout(
  id: string,
  { client, documents, prefix }: Shelf,
): AsyncGenerator<readonly [string, Encoded], void, undefined> {
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
  const seen = new Set<string>();
  for (let cursor = '0'; ; ) {
    const from = cursor;
    const scan = () => client.scan(from, 'MATCH', pattern, 'COUNT', KEYS_AT_ONCE);
    const [next, keys] = await documents.ask(scan);
    const texts = await Promise.all(keys.map(key => documents.fetch(key)));
    for (const [i, key] of keys.entries()) {
      const text = texts[i];
      if (text == null || !text.includes(id) || seen.has(key)) continue;
      seen.add(key);
      yield [key, text];
    }
    if (next === '0') return;
    cursor = next;
  }
}
