/** A consumer of another kind: takes messages the moment they come, as Python's workers do. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { eventually } from './eventually.ts';
import type { RedisServer } from './servers.ts';

export interface Rival {
  /** What it took, oldest first. */
  readonly got: string[];
  /** It takes nothing more from now on. */
  stop(): Promise<void>;
}

/** Waits as kombu does: one BRPOP of a second after the other, on all lists at once. */
export async function startRival(
  t: TestContext,
  server: RedisServer,
  lists: readonly string[],
): Promise<Rival> {
  const client = server.client();
  await client.ping();
  const got: string[] = [];
  let stopped = false;
  const loop = async () => {
    while (!stopped) {
      const popped = await client.brpop([...lists], 1).catch(() => null);
      if (popped) got.push(popped[1]);
    }
  };
  const running = loop();
  const stop = async () => {
    stopped = true;
    client.disconnect();
    await running;
  };
  t.after(stop);
  return { got, stop };
}

export interface ContestOptions {
  readonly prefix: string;
  readonly lists: readonly string[];
  /** Puts one message more into this list. */
  readonly send: (list: string) => Promise<unknown>;
  /** How many messages the consumer has had. */
  readonly count: () => number;
}

/**
 * Has a rival win until the one consumer of these lists takes from them, and ends the rival. Resolves
 * with the consumer's inboxes, in the order of the lists.
 */
export async function contest(
  t: TestContext,
  server: RedisServer,
  { prefix, lists, send, count }: ContestOptions,
): Promise<string[]> {
  const client = server.client();
  const rival = await startRival(t, server, lists);
  const sets = `${prefix}tscelery.unacked.inboxes.`;
  let sent = count();
  const taken = async () => {
    const [set] = await client.keys(`${sets}*`);
    return { id: set?.slice(sets.length), known: set ? await client.smembers(set) : [] };
  };
  for (const list of lists) {
    await eventually(async () => {
      if ((await taken()).known.includes(list)) return;
      await send(list);
      sent++;
      await eventually(() => count() + rival.got.length >= sent);
      assert.fail('it does not take yet');
    });
  }
  await rival.stop();
  const { id } = await taken();
  return lists.map(list => `${prefix}tscelery.unacked.inbox.${id}.${list}`);
}
