/** One call of the script that settles messages and claims others. */

import type { RedisKeys } from '../keys.ts';
import type { ScriptedRedis } from '../scripts.ts';
import type { ServingOrder } from './serving-order.ts';

export interface ClaimCall {
  readonly keys: RedisKeys;
  readonly heldKey: string;
  readonly consumerId: string;
  readonly acks: readonly string[];
  readonly want: number;
  /** Number of the tag of the first message claimed. */
  readonly first: number;
  /** Where to claim from, in this order; undefined with `want` 0. */
  readonly lists: ServingOrder['lists'] | undefined;
  /** Acknowledge the first message claimed if it is this one, which saves a round trip. */
  readonly prompt: string | undefined;
}

/** Lists by their place among those of the call. */
export interface ClaimReply {
  /** How many of `acks` there were. */
  readonly settled: number;
  readonly isFirstAcked: boolean;
  readonly claimed: readonly { readonly list: number; readonly text: string }[];
  readonly unreadable: readonly { readonly list: number; readonly error: string }[];
}

/** Resolves with `expelled` when the consumer was taken for dead: nothing was done then. */
export async function settleAndClaim(
  client: ScriptedRedis,
  { keys, heldKey, consumerId, acks, want, first, lists, prompt }: ClaimCall,
): Promise<ClaimReply | 'expelled'> {
  const reply = (await client.tsceleryTurn(
    4 + (lists?.keys.length ?? 0),
    keys.unacked,
    keys.unackedIndex,
    heldKey,
    keys.consumers,
    ...(lists?.keys ?? []),
    acks.length,
    ...acks,
    want,
    consumerId,
    first,
    ...(lists?.endings ?? []),
    prompt ?? '',
  )) as unknown[];
  return reply[0] === -1 ? 'expelled' : read(reply);
}

/** [settled, 1 when the first is acked, (place from 1 on, text) or (-place, error)…] */
function read(reply: readonly unknown[]): ClaimReply {
  const claimed: { list: number; text: string }[] = [];
  const unreadable: { list: number; error: string }[] = [];
  for (let i = 2; i < reply.length; i += 2) {
    const place = reply[i] as number;
    const text = reply[i + 1] as string;
    if (place > 0) claimed.push({ list: place - 1, text });
    else unreadable.push({ list: -place - 1, error: text });
  }
  return { settled: reply[0] as number, isFirstAcked: reply[1] === 1, claimed, unreadable };
}
