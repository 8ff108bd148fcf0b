/** Which queues an exchange gives a message to, as written down in `_kombu.binding.*`. */
import type { BindingRow } from '../contract.ts';
import type { Exchange } from '../entities.ts';
import type { Binding, RedisKeys } from './keys.ts';
import type { Link } from './link.ts';
import type { ScriptedRedis } from './scripts.ts';

/**
 * Seconds for which a binding that somebody else removed may still be used, as reading it for each
 * message would cost a round trip.
 */
const TTL = 1;
const MAX_CACHED = 1000;

interface Cached {
  readonly bindings: readonly Binding[];
  readonly until: number;
}

export class Bindings {
  readonly #link: Link;
  readonly #keys: RedisKeys;
  readonly #cache = new Map<string, Cached>();
  readonly #reads = new Map<string, Promise<readonly Binding[]>>();

  constructor(link: Link, keys: RedisKeys) {
    this.#link = link;
    this.#keys = keys;
  }

  /** Without a match the server is asked again: a binding may have been added just now. */
  async queuesFor(exchange: Exchange, routingKey: string): Promise<string[]> {
    const cached = this.#cache.get(exchange.name);
    if (cached && cached.until > performance.now()) {
      const queues = matching(cached.bindings, exchange, routingKey);
      if (queues.length > 0) return queues;
    }
    return matching(await this.#read(exchange.name), exchange, routingKey);
  }

  forget(exchange: string): void {
    this.#cache.delete(exchange);
  }

  #read(exchange: string): Promise<readonly Binding[]> {
    let reading = this.#reads.get(exchange);
    if (!reading) {
      reading = this.#fetch(exchange).finally(() => this.#reads.delete(exchange));
      this.#reads.set(exchange, reading);
    }
    return reading;
  }

  async #fetch(exchange: string): Promise<readonly Binding[]> {
    const client = this.#link.client ?? (await this.#link.connect());
    const members = await client.smembers(this.#keys.bindings(exchange));
    const bindings = members.flatMap(member => this.#keys.parseMember(member) ?? []);
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(exchange, { bindings, until: performance.now() + TTL * 1000 });
    return bindings;
  }
}

export async function allBindings(client: ScriptedRedis, keys: RedisKeys): Promise<BindingRow[]> {
  const prefix = keys.bindings('');
  const found = new Set<string>();
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
  for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
    const [next, some] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', 1000);
    cursor = next;
    for (const key of some) found.add(key);
  }
  const rows = [...found].map(async key => {
    const members = await client.smembers(key);
    const bindings = members.flatMap(member => keys.parseMember(member) ?? []);
    const exchange = key.slice(prefix.length);
    return bindings.map(({ queue, routingKey }) => ({ queue, exchange, routingKey }));
  });
  return (await Promise.all(rows)).flat();
}

function matching(bindings: readonly Binding[], exchange: Exchange, routingKey: string): string[] {
  const fits =
    exchange.type === 'topic'
      ? ({ pattern }: Binding) => patternOf(pattern)?.test(routingKey) ?? false
      : (binding: Binding) => binding.routingKey === routingKey;
  return [...new Set(bindings.filter(fits).map(binding => binding.queue))];
}

const patterns = new Map<string, RegExp | undefined>();

/** Patterns were written by whoever bound the queue: one that is no regular expression matches nothing. */
function patternOf(text: string): RegExp | undefined {
  if (patterns.has(text)) return patterns.get(text);
  let pattern: RegExp | undefined;
  try {
    pattern = new RegExp(text);
  } catch {
    pattern = undefined;
  }
  if (patterns.size >= MAX_CACHED) patterns.clear();
  patterns.set(text, pattern);
  return pattern;
}
