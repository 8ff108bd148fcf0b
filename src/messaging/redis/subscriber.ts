/** The one connection of a transport that listens to fanout exchanges. */
import type { RedisHub } from './hub.ts';
import { Link } from './link.ts';
import type { ScriptedRedis } from './scripts.ts';

/** Called with everything that arrived in one turn of the event loop, oldest first. */
export type OnMessages = (texts: string[]) => void;

export class Subscriber {
  readonly #hub: RedisHub;
  readonly #link: Link;
  readonly #handlers = new Map<string, Set<OnMessages>>();
  readonly #arrived = new Map<OnMessages, string[]>();
  #ready: Promise<void> = Promise.resolve();
  #health: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(hub: RedisHub) {
    this.#hub = hub;
    this.#link = new Link({
      ...hub.linkBase(hub.options.socketTimeout),
      needed: () => this.#handlers.size > 0,
      onUp: client => {
        this.#ready = this.#listen(client);
        this.#ready.catch(error => this.#link.drop(error as Error));
      },
    });
  }

  /** Resolves when the server has confirmed. */
  async subscribe(pattern: string, onMessages: OnMessages): Promise<void> {
    const handlers = this.#handlers.get(pattern) ?? new Set();
    const isNew = handlers.size === 0;
    handlers.add(onMessages);
    this.#handlers.set(pattern, handlers);
    const wasUp = this.#link.client !== undefined;
    const client = await this.#link.connect();
    if (wasUp && isNew) await client.psubscribe(pattern);
    await this.#ready;
    this.#startHealthChecks();
  }

  async unsubscribe(pattern: string, onMessages: OnMessages): Promise<void> {
    const handlers = this.#handlers.get(pattern);
    if (!handlers?.delete(onMessages) || handlers.size > 0) return;
    this.#handlers.delete(pattern);
    await this.#link.client?.punsubscribe(pattern).catch(() => {});
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
    const patterns = [...this.#handlers.keys()];
    if (patterns.length > 0) await client.psubscribe(...patterns);
  }

  #arrive(pattern: string, text: string): void {
    if (this.#arrived.size === 0) setImmediate(() => this.#deliver());
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
    this.#health ??= setInterval(() => {
      this.#link.client?.ping().catch(() => {});
    }, this.#hub.options.healthCheckInterval * 1000);
  }
}
