/**
 * What one consumer takes out of contested lists before it claims.
 *
 * A wait may take only into an inbox that the server knows of (`registered`): others give back what
 * is there when this consumer is dead. Whatever comes in is claimed by the next turn, or given back
 * when there is no room for it. How it got there does not matter, so one that was moved by a
 * connection cut off meanwhile, of which nobody was told, is found with a heartbeat.
 */
import type { TakingPorts } from '../arrival-wait.ts';
import type { ScriptedRedis } from '../scripts.ts';
import type { RedisSession } from '../server-session.ts';
import type { Race } from './claims.ts';
import { Contests } from './contests.ts';
import { inboxesFirst, type Lists, type ServingOrder } from './serving-order.ts';

/** Seconds for which an inbox is sealed: longer than any network keeps a command on its way. */
const SEALED_FOR = 3600;

export interface InboxesOptions {
  readonly session: RedisSession;
  readonly consumerId: string;
  readonly order: ServingOrder;
}

export class Inboxes implements TakingPorts {
  readonly #session: RedisSession;
  readonly #id: string;
  readonly #order: ServingOrder;
  readonly #contests = new Contests();
  /** Inboxes that may hold something now or later, by their lists. */
  readonly #opened = new Map<string, string>();
  /** Those of them that the server knows of. */
  readonly #registered = new Map<string, string>();
  /** When a take from a list was cut off, as it may still be on its way. */
  readonly #cutOff = new Map<string, number>();
  #isCancelled = false;
  /** Something may be in an inbox that neither was claimed nor given back. */
  mayHold = false;

  constructor({ session, consumerId, order }: InboxesOptions) {
    this.#session = session;
    this.#id = consumerId;
    this.#order = order;
  }

  readonly inboxOf = (list: string): string | undefined =>
    this.#contests.isContested(list) ? this.#registered.get(list) : undefined;

  readonly unblock = (clientId: number): void => {
    // refused, or too late: it ends by itself soon
    this.#session.link.client?.client('UNBLOCK', clientId).catch(() => {});
  };

  readonly onTakeCutOff = (list: string): void => {
    this.#cutOff.set(list, performance.now());
  };

  /** Where to claim from. */
  readonly sources = (lists: Lists): Lists =>
    this.#registered.size === 0 ? lists : inboxesFirst(lists, this.#registered);

  took(list: string): void {
    this.#contests.took(list);
    this.mayHold = true;
  }

  /** A claim is sent, after which they are empty unless something arrives. */
  claiming(): void {
    this.mayHold = false;
  }

  /** The claim came to nothing, or to no more than a part of them. */
  unclaimed(): void {
    this.mayHold = this.#opened.size > 0;
  }

  /** Looks which lists are contested from now on. */
  async raced(races: readonly Race[]): Promise<void> {
    for (const { list, isWon } of races) {
      if (isWon) this.#contests.won(list);
      else this.#contests.lost(list);
    }
    const lists = races.map(({ list }) => list).filter(list => this.#isToOpen(list));
    if (lists.length > 0) await this.#open(lists);
  }

  #isToOpen(list: string): boolean {
    return this.#contests.isContested(list) && !this.#registered.has(list);
  }

  /** The server may have forgotten us, or taken us for dead. */
  suspend(): void {
    this.#registered.clear();
  }

  /** With each heartbeat. Resolves with whether there are inboxes to claim from. */
  async check(): Promise<boolean> {
    if (this.#opened.size === 0) return false;
    await this.closeCancelled();
    const unknown = [...this.#opened.keys()].filter(list => !this.#registered.has(list));
    if (unknown.length > 0) await this.#open(unknown);
    this.mayHold = this.#opened.size > 0;
    return this.mayHold;
  }

  /** There is no room for what they hold. */
  async giveBack(): Promise<void> {
    this.mayHold = false;
    if (this.#opened.size > 0) await this.#giveBack([...this.#opened.keys()], '0');
  }

  /** Those of queues that are not consumed any more, when no wait takes from them. */
  async closeCancelled(): Promise<void> {
    if (this.#opened.size === 0) return;
    const { keys } = this.#order.lists;
    const isGone = (list: string) => this.#isCancelled || !keys.includes(list);
    await this.#close([...this.#opened.keys()].filter(isGone));
  }

  /** Gives back what is there, when no wait takes any more; after it nothing is left of them. */
  async close(): Promise<void> {
    this.#isCancelled = true;
    await this.closeCancelled();
  }

  async #close(lists: readonly string[]): Promise<void> {
    if (lists.length === 0) return;
    for (const list of lists) {
      this.#registered.delete(list);
      this.#contests.forget(list);
    }
    const isEmpty = await this.#giveBack(lists, '1');
    // what the server refuses to move is tried again with the next heartbeat
    if (!isEmpty) return;
    for (const list of lists) {
      this.#cutOff.delete(list);
      this.#opened.delete(list);
    }
  }

  async #open(lists: readonly string[]): Promise<void> {
    if (this.#isCancelled) return;
    const { keys, link } = this.#session;
    const client = await link.connect();
    const inboxes = lists.map(list => keys.inbox(this.#id, list));
    for (const [i, list] of lists.entries()) this.#opened.set(list, inboxes[i]!);
    const isKnown = await client.tsceleryOpen(
      2 + lists.length,
      keys.consumers,
      keys.inboxes(this.#id),
      ...inboxes,
      this.#id,
      ...lists,
    );
    // taken for dead: the next heartbeat finds out, and opens them again
    if (isKnown !== 1 || this.#isCancelled) return;
    for (const [i, list] of lists.entries()) {
      this.#opened.set(list, inboxes[i]!);
      this.#registered.set(list, inboxes[i]!);
    }
  }

  /** Resolves with whether they are empty now. */
  async #giveBack(lists: readonly string[], isOver: '0' | '1'): Promise<boolean> {
    const client = await this.#session.link.connect();
    const [, refused] = await giveBackInboxes(this.#session, client, {
      ...{ consumerId: this.#id, lists, isOver },
      sealedFor: list => (this.#mayBeOnItsWay(list) ? SEALED_FOR : 0),
    });
    return refused === 0;
  }

  #mayBeOnItsWay(list: string): boolean {
    const at = this.#cutOff.get(list);
    return at !== undefined && performance.now() - at < SEALED_FOR * 1000;
  }
}

interface GiveBack {
  readonly consumerId: string;
  readonly lists: readonly string[];
  /** `1`: nothing is to be taken into them any more. */
  readonly isOver: '0' | '1';
  readonly sealedFor: (list: string) => number;
  readonly deadConsumer?: { readonly id: string; readonly beat: string };
}

async function giveBackInboxes(
  { keys }: RedisSession,
  client: ScriptedRedis,
  { consumerId, lists, isOver, sealedFor, deadConsumer }: GiveBack,
): Promise<[count: number, refused?: number]> {
  return (await client.tsceleryGiveBack(
    2 + 2 * lists.length,
    keys.consumers,
    keys.inboxes(consumerId),
    ...lists.flatMap(list => [keys.inbox(consumerId, list), list]),
    deadConsumer?.id ?? '',
    deadConsumer?.beat ?? '',
    isOver,
    ...lists.map(sealedFor),
  )) as [number, number?];
}

/**
 * Gives back what a dead consumer took and did not claim. Resolves with how much that was; -1 when it
 * is alive after all.
 */
export async function buryInboxes(
  session: RedisSession,
  deadConsumer: { readonly id: string; readonly beat: string },
): Promise<number> {
  const client = await session.link.connect();
  const consumerId = deadConsumer.id;
  const lists = await client.smembers(session.keys.inboxes(consumerId));
  if (lists.length === 0) return 0;
  const [count] = await giveBackInboxes(session, client, {
    ...{ consumerId, lists, isOver: '1', deadConsumer, sealedFor: () => SEALED_FOR },
  });
  return count;
}
