/** Putting claimed messages back into the lists they came from. */
import { decodeEnvelope } from '../../../wire/messages/envelope.ts';
import type { ScriptedRedis } from '../scripts.ts';
import type { RedisSession } from '../server-session.ts';
import { type RedisDelivery, redeliveredText, tagNumber } from './delivery.ts';
import type { Settlement } from './settlements.ts';

export interface Restorable {
  readonly tag: string;
  readonly list: string;
  readonly text: string;
}

export interface StoredMessage {
  readonly raw: string;
  readonly exchange: string;
  readonly routingKey: string;
}

const CHUNK = 200;
const STORED = /^\[([\s\S]*), ?(null|"(?:[^"\\]|\\.)*"), ?(null|"(?:[^"\\]|\\.)*")\]$/;

/**
 * Takes a value of the `unacked` hash apart: `[envelope, exchange, routing key]`. By its end
 * and not as JSON, so that the message keeps its exact text, even when that is no JSON.
 */
export function storedMessage(value: string): StoredMessage | undefined {
  const match = STORED.exec(value);
  if (!match) return undefined;
  try {
    const [exchange, routingKey] = [match[2]!, match[3]!].map(part => JSON.parse(part) ?? '');
    return { raw: match[1]!, exchange, routingKey };
  } catch {
    return undefined;
  }
}

/** The list of a queue for a message, by its priority; step 0 for what cannot be read. */
export function listFor(session: RedisSession, raw: string, queue: string): string {
  let priority: unknown;
  try {
    priority = decodeEnvelope(raw).message.properties.priority;
  } catch {
    priority = 0;
  }
  return session.keys.forMessage(queue, priority);
}

/**
 * Reads held messages of tscelery consumers. A tag that is gone from `unacked` gets an empty
 * entry, so that restoring removes it from the held set; a value that cannot be taken apart
 * is left where it is.
 */
export async function readHeld(
  session: RedisSession,
  client: ScriptedRedis,
  tags: readonly string[],
  options: { redelivered: boolean; counted?: boolean },
): Promise<Restorable[]> {
  const values: (string | null)[] = [];
  for (let i = 0; i < tags.length; i += CHUNK) {
    values.push(...(await client.hmget(session.keys.unacked, ...tags.slice(i, i + CHUNK))));
  }
  return tags.flatMap((tag, i): Restorable[] => {
    const value = values[i];
    if (value === null || value === undefined) return [{ tag, list: '', text: '' }];
    const stored = storedMessage(value);
    if (!stored) {
      session.warn(`Cannot read what ${session.keys.unacked} holds under ${tag}; it stays there.`);
      return [];
    }
    const text = options.redelivered
      ? redeliveredText(stored.raw, { counted: options.counted ?? false })
      : stored.raw;
    return [{ tag, list: listFor(session, stored.raw, stored.routingKey), text }];
  });
}

export interface RestoreOptions {
  readonly heldKey: string;
  /** `RPUSH` (the default) is served next, `LPUSH` last: consumers take from the right end. */
  readonly command?: 'RPUSH' | 'LPUSH';
  /** Only while this consumer has not shown a new heartbeat: it may live after all. */
  readonly deadConsumer?: { readonly id: string; readonly beat: string };
}

/** Puts messages back, in the order given; resolves with how many were still there to put back. */
export async function restoreTags(
  session: RedisSession,
  entries: readonly Restorable[],
  { heldKey, command = 'RPUSH', deadConsumer }: RestoreOptions,
): Promise<number> {
  let restored = 0;
  for (let i = 0; i < entries.length; i += CHUNK) {
    const chunk = entries.slice(i, i + CHUNK);
    const client = await session.link.connect();
    const count = (await client.tsceleryRestore(
      4 + chunk.length,
      session.keys.unacked,
      session.keys.unackedIndex,
      heldKey,
      session.keys.consumers,
      ...chunk.map(entry => entry.list),
      command,
      deadConsumer?.id ?? '',
      deadConsumer?.beat ?? '',
      ...chunk.flatMap(entry => [entry.tag, entry.text]),
    )) as number;
    if (count < 0) break;
    restored += count;
  }
  return restored;
}

export interface GiveBackOptions extends Pick<RestoreOptions, 'heldKey' | 'deadConsumer'> {
  readonly redelivered: boolean;
  readonly counted?: boolean;
}

/** Gives held messages back by their tags; resolves with how many there were. */
export async function giveBackTags(
  session: RedisSession,
  tags: readonly string[],
  { heldKey, deadConsumer, ...marks }: GiveBackOptions,
): Promise<number> {
  const client = await session.link.connect();
  // The newest goes back first, so that the oldest ends up first in line.
  const sorted = [...tags].sort((a, b) => tagNumber(b) - tagNumber(a));
  const entries = await readHeld(session, client, sorted, marks);
  return restoreTags(session, entries, { heldKey, ...(deadConsumer && { deadConsumer }) });
}

/** Puts back what was delivered and not settled, oldest first in `deliveries`; resolves with how many there were. */
export function putBackHeld(
  session: RedisSession,
  heldKey: string,
  deliveries: readonly RedisDelivery[],
): Promise<number> {
  const entries = deliveries.map(({ tag, list, raw }) => ({
    tag,
    list,
    text: redeliveredText(raw),
  }));
  return restoreTags(session, entries.reverse(), { heldKey });
}

/** Puts back what was claimed and nobody was given, oldest first in `deliveries`: it is not marked. */
export async function putBackUnseen(
  session: RedisSession,
  heldKey: string,
  deliveries: readonly RedisDelivery[],
): Promise<void> {
  const held = deliveries.filter(({ settled }) => !settled).reverse();
  const entries = held.map(({ tag, list, raw }) => ({ tag, list, text: raw }));
  await restoreTags(session, entries, { heldKey });
  const client = await session.link.connect();
  // acknowledged on arrival: the oldest, so first in line again
  for (const { list, raw, settled } of deliveries) if (settled) await client.rpush(list, raw);
}

/** Puts rejected messages back: last in line, or first for what should not have been taken. */
export async function requeue(
  session: RedisSession,
  heldKey: string,
  settlements: readonly Settlement[],
): Promise<void> {
  for (const command of ['LPUSH', 'RPUSH'] as const) {
    const entries = settlements
      .filter(({ verdict }) => (verdict === 'putBack') === (command === 'RPUSH'))
      .map(({ delivery: { tag, list, raw }, verdict }) => ({
        tag,
        list,
        text: redeliveredText(raw, { counted: verdict === 'recount' }),
      }));
    await restoreTags(session, entries, { heldKey, command });
  }
}

/** Those of the tags that have no lease any more: somebody gave them back. */
export async function unleased(
  session: RedisSession,
  tags: readonly string[],
): Promise<Set<string>> {
  const client = await session.link.connect();
  const scores = await Promise.all(tags.map(tag => client.zscore(session.keys.unackedIndex, tag)));
  return new Set(tags.filter((_, i) => scores[i] === null));
}
