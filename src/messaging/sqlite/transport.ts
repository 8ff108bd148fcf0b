/**
 * The embedded broker: `sqla+sqlite:///file.db`, or `sqla+sqlite://` within one process.
 * Python applications with the same URL exchange messages with it.
 */

import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { CeleryError } from '../../base/errors.ts';
import { outside } from '../../base/outside.ts';
import { ChannelError, ConnectionClosed } from '../../drivers/errors.ts';
import { isAboutValues } from '../../drivers/sqlite/driver.ts';
import { MEMORY, parseSqliteUrl, type SqliteLocation } from '../../drivers/sqlite/location.ts';
import type { ServerUrl } from '../../drivers/url.ts';
import { encodeEnvelope } from '../../wire/messages/envelope.ts';
import type { Message } from '../../wire/messages/message.ts';
import type {
  BindingRow,
  ConsumeOptions,
  Consumer,
  Destination,
  PublishOptions,
  Transport,
  TransportEvent,
  TransportOptions,
} from '../contract.ts';
import type { Queue } from '../entities.ts';
import { unusedOptions } from '../unused-options.ts';
import {
  bindingMatches,
  refuseHeaders,
  refuseMixedFanout,
  unroutable,
} from '../virtual/routing.ts';
import { declareQueue, SqliteConsumer } from './consumer.ts';
import { TABLE_OPTIONS, type TableNames, tableNames } from './schema.ts';
import { type SessionListener, SqliteSession } from './session.ts';
import type { SqliteStore } from './store.ts';

export const createSqliteTransport = (url: ServerUrl, options: TransportOptions): Transport =>
  new SqliteTransport(url.text, options.transportOptions);

interface SharedSession {
  readonly opening: Promise<SqliteSession>;
  session?: SqliteSession;
  users: number;
}

/** By file and tables: what one part of a process publishes another sees at once. */
const sessions = new Map<string, SharedSession>();

export class SqliteTransport implements Transport {
  readonly name = 'sqla+sqlite';
  readonly supportsFanout = true;
  readonly eventExchangeType = 'fanout';
  readonly keepsEvents = true;
  readonly url: string;
  readonly #location: SqliteLocation;
  readonly #tables: TableNames;
  #warnings: readonly string[];
  readonly #key: string;
  readonly #consumers = new Set<SqliteConsumer>();
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  #connecting: Promise<SqliteSession> | undefined;
  #session: SqliteSession | undefined;
  #shared: SharedSession | undefined;
  /** A consumer whose start sees another number at its end came too late. */
  #closings = 0;

  /** Throws ImproperlyConfigured for a URL or option that cannot be used; opens nothing yet. */
  constructor(url: string, options: Readonly<Record<string, unknown>> = {}) {
    this.url = url;
    this.#location = parseSqliteUrl(url);
    this.#tables = tableNames(options);
    this.#warnings = unusedOptions(options, TABLE_OPTIONS, 'SQLite');
    const { path } = this.#location;
    this.#key = [
      path === MEMORY ? path : resolve(path),
      this.#tables.queue,
      this.#tables.message,
    ].join('\n');
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  async connect(): Promise<void> {
    await this.#open();
  }

  async close(): Promise<void> {
    this.#closings += 1;
    const connecting = this.#connecting;
    this.#connecting = undefined;
    const session = await connecting?.catch(() => undefined);
    if (session === undefined) return;
    // What a failing database does not let us put back, others take from us when we are gone.
    for (const consumer of this.#consumers) await consumer.close().catch(() => 0);
    session.listeners.delete(this.#listener);
    this.#session = undefined;
    await this.#release(session);
  }

  onEvent(listener: (event: TransportEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async declare(queue: Queue): Promise<void> {
    refuseMixedFanout(queue, 'SQLite');
    const session = await this.#open();
    await session.enqueue(store => declareQueue(store, queue));
  }

  async publish(
    message: Message,
    destination: Destination,
    options?: PublishOptions,
  ): Promise<void> {
    const { exchange, routingKey } = destination;
    refuseHeaders(exchange, 'SQLite');
    const address = { exchange: exchange.name, routingKey, deliveryTag: randomUUID() };
    const raw = encodeEnvelope(message, address);
    const session = await this.#open();
    let takers = 1;
    let refusal: unknown;
    await session.enqueue(store => {
      try {
        takers = send(store, raw, destination);
      } catch (error) {
        // others write in the same transaction
        if (!isAboutValues(error)) throw error;
        refusal = error;
      }
    });
    if (refusal !== undefined) throw refused(refusal, message);
    if (exchange.type === 'fanout') options?.onHeard?.(takers);
    if (options?.mandatory && takers === 0) throw unroutable(exchange, routingKey);
  }

  async size(queue: string): Promise<number> {
    const session = await this.#open();
    return session.write(store => store.size(queue));
  }

  async purge(queue: string): Promise<number> {
    const session = await this.#open();
    return session.write(store => store.purge(queue));
  }

  async delete(queue: Queue): Promise<void> {
    const session = await this.#open();
    await session.enqueue(store => store.deleteQueue(queue.name));
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    const closings = this.#closings;
    const session = await this.#open();
    const consumer = await SqliteConsumer.start(session, queues, options, closed =>
      this.#consumers.delete(closed),
    );
    if (closings !== this.#closings) {
      await consumer.close();
      throw new ConnectionClosed('The connection was closed.');
    }
    this.#consumers.add(consumer);
    return consumer;
  }

  async bindings(): Promise<BindingRow[]> {
    const session = await this.#open();
    return [...session.store.allBindings()];
  }

  #open(): Promise<SqliteSession> {
    if (this.#session?.isGone && this.#consumers.size === 0) this.#leaveGone(this.#session);
    this.#connecting ??= outside(() => this.#connect()).catch(error => {
      this.#connecting = undefined;
      throw error;
    });
    return this.#connecting;
  }

  /** Somebody took the file away; the next use makes or finds another one. */
  #leaveGone(session: SqliteSession): void {
    session.listeners.delete(this.#listener);
    this.#session = undefined;
    this.#connecting = undefined;
    void this.#release(session);
  }

  async #connect(): Promise<SqliteSession> {
    let shared = sessions.get(this.#key);
    if (shared === undefined || shared.session?.isGone) {
      shared = { opening: SqliteSession.open(this.#location, this.#tables), users: 0 };
      sessions.set(this.#key, shared);
    }
    shared.users++;
    try {
      this.#session = await shared.opening;
      shared.session = this.#session;
      this.#shared = shared;
    } catch (error) {
      if (sessions.get(this.#key) === shared) sessions.delete(this.#key);
      throw error;
    }
    this.#session.listeners.add(this.#listener);
    for (const message of this.#warnings) this.#emit({ type: 'warning', message });
    this.#warnings = [];
    this.#emit({ type: 'connected' });
    return this.#session;
  }

  async #release(session: SqliteSession): Promise<void> {
    const shared = this.#shared;
    // A database in memory lives as long as the process, as kombu's does.
    if (shared === undefined || --shared.users > 0 || this.#location.path === MEMORY) return;
    if (sessions.get(this.#key) === shared) sessions.delete(this.#key);
    await session.close();
  }

  readonly #listener: SessionListener = {
    restored: (count, consumer) => this.#emit({ type: 'restored', count, consumer }),
    lost: (error: CeleryError) => this.#emit({ type: 'lost', error }),
    gone: (error: CeleryError) => this.#emit({ type: 'gone', error }),
    recovered: () => {
      const queues = [...this.#consumers].flatMap(consumer => consumer.queues);
      if (this.#consumers.size > 0) this.#emit({ type: 'consuming', queues });
    },
  };

  #emit(event: TransportEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function refused(error: unknown, { headers }: Message): ChannelError {
  const what = headers.task === undefined ? 'message' : `task ${headers.task}`;
  const reason = (error as Error).message;
  return new ChannelError(`SQLite refuses the ${what}: ${reason}.`, { cause: error });
}

function send(store: SqliteStore, raw: string, { exchange, routingKey }: Destination): number {
  if (exchange.name === '') {
    store.append(routingKey, raw);
    return 1;
  }
  if (exchange.type === 'fanout') {
    const listeners = store.broadcasts.send(exchange.name, raw, Date.now() / 1000);
    if (listeners > 0) store.hasNews = true;
    return listeners;
  }
  const bound = store
    .bindings(exchange.name)
    .filter(({ bindingKey }) => bindingMatches(exchange.type, bindingKey, routingKey));
  const queues = new Set(bound.map(binding => binding.queue));
  for (const queue of queues) store.append(queue, raw);
  return queues.size;
}
