/**
 * The one connection of a transport that listens to fanout exchanges: Redis takes hardly any other
 * command on one that is subscribed.
 */
import { outside } from '../../base/outside.ts';
import { timerMs } from '../../base/time/seconds.ts';
import { AccessRefused } from '../../drivers/errors.ts';
import { isDenied } from '../../drivers/redis/replies.ts';
import { Link } from './link.ts';
import type { ScriptedRedis } from './scripts.ts';
import type { RedisSession } from './server-session.ts';

/** Called with everything that arrived in one turn of the event loop, oldest first. */
export type OnMessages = (texts: string[]) => void;

export class Subscriber {
  readonly #session: RedisSession;
  readonly #link: Link;
  readonly #handlers = new Map<string, Set<OnMessages>>();
  readonly #arrived = new Map<OnMessages, string[]>();
  /** By pattern: what the server said to it on the present connection, with which subscriptions end. */
  readonly #inForce = new Map<string, Promise<unknown>>();
  /** Channels that are heard by name, with the pattern that names them. */
  readonly #literals = new Map<string, string>();
  #ready: Promise<void> = Promise.resolve();
  #health: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(session: RedisSession) {
    this.#session = session;
    this.#link = new Link({
      ...session.linkBase(session.options.socketTimeout),
      needed: () => this.#handlers.size > 0,
      onUp: client => {
        this.#ready = this.#listen(client);
        this.#ready.catch(error => this.#link.drop(error as Error));
      },
    });
  }

  /** Resolves when the server has confirmed. @throws AccessRefused when the user may not hear it */
  async subscribe(pattern: string, onMessages: OnMessages): Promise<void> {
    const handlers = this.#handlers.get(pattern) ?? new Set();
    const isNew = handlers.size === 0;
    handlers.add(onMessages);
    this.#handlers.set(pattern, handlers);
    const wasUp = this.#link.client !== undefined;
    const client = await this.#link.connect();
    if (wasUp && isNew) this.#ask(client, pattern);
    await this.#ready;
    try {
      await this.#inForce.get(pattern);
    } catch (error) {
      handlers.delete(onMessages);
      if (handlers.size === 0) this.#handlers.delete(pattern);
      throw isDenied(error) ? accessRefused(pattern, error) : error;
    }
    this.#startHealthChecks();
  }

  async unsubscribe(pattern: string, onMessages: OnMessages): Promise<void> {
    const handlers = this.#handlers.get(pattern);
    if (!handlers?.delete(onMessages) || handlers.size > 0) return;
    this.#handlers.delete(pattern);
    this.#inForce.delete(pattern);
    this.#literals.delete(unescaped(pattern));
    const { client } = this.#link;
    // without a connection there is nothing to leave
    if (isLiteral(pattern)) await client?.unsubscribe(unescaped(pattern)).catch(() => {});
    else await client?.punsubscribe(pattern).catch(() => {});
  }

  /** Resolves when everything is subscribed again after a loss. */
  async recovered(): Promise<void> {
    while (this.#handlers.size > 0 && !this.#closed) {
      if (this.#link.client) return this.#ready.catch(() => {});
      await this.#link.connect().catch(() => new Promise(resolve => setTimeout(resolve, 100)));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#health);
    this.#handlers.clear();
    await this.#link.close();
  }

  async #listen(client: ScriptedRedis): Promise<void> {
    client.on('pmessage', (pattern: string, _channel: string, text: string) =>
      this.#arrive(pattern, text),
    );
    client.on('message', (channel: string, text: string) =>
      this.#arrive(this.#literals.get(channel) ?? channel, text),
    );
    this.#inForce.clear();
    const asked = [...this.#handlers.keys()].map(pattern =>
      this.#ask(client, pattern).catch(error => {
        if (!isDenied(error)) throw error;
        this.#session.warn(accessRefused(pattern, error).message);
      }),
    );
    await Promise.all(asked);
  }

  /** SUBSCRIBE where it will do: an ACL for `&prefix*` allows no pattern but that very one. */
  #ask(client: ScriptedRedis, pattern: string): Promise<unknown> {
    if (isLiteral(pattern)) this.#literals.set(unescaped(pattern), pattern);
    const asked = isLiteral(pattern)
      ? client.subscribe(unescaped(pattern))
      : client.psubscribe(pattern);
    // whoever subscribes hears of it
    asked.catch(() => {});
    this.#inForce.set(pattern, asked);
    return asked;
  }

  #arrive(pattern: string, text: string): void {
    // after what else the same piece of the stream holds; a turn of the loop more costs as much as all the rest
    if (this.#arrived.size === 0) process.nextTick(() => this.#deliver());
    for (const handler of this.#handlers.get(pattern) ?? []) {
      const texts = this.#arrived.get(handler);
      if (texts) texts.push(text);
      else this.#arrived.set(handler, [text]);
    }
  }

  #deliver(): void {
    const arrived = [...this.#arrived];
    this.#arrived.clear();
    for (const [handler, texts] of arrived) handler(texts);
  }

  /** A listener sends nothing by itself: without this a half-open connection would stay for ever. */
  #startHealthChecks(): void {
    if (this.#closed) return;
    const ping = () => void this.#link.client?.ping().catch(() => {});
    const { healthCheckInterval } = this.#session.options;
    this.#health ??= outside(() => setInterval(ping, timerMs(healthCheckInterval)));
  }
}

const isLiteral = (pattern: string) => !/(?<!\\)[*?[]/.test(pattern);
const unescaped = (pattern: string) => pattern.replace(/\\([\\*?[\]])/g, '$1');

function accessRefused(pattern: string, error: Error): AccessRefused {
  return new AccessRefused(
    `Redis does not let this user hear the channel ${unescaped(pattern)}: ${error.message}. ` +
      `Its ACL needs &${unescaped(pattern)}${isLiteral(pattern) ? '' : ', literally'}.`,
  );
}
