/**
 * Results in Redis, in Celery's keys: `celery-task-meta-<id>` holds the document and is the
 * name of the channel on which it is announced.
 *
 * Owns two connections: one for commands, and one for hearing, opened when somebody waits.
 */

import { CeleryError } from '../../base/errors.ts';
import { outside } from '../../base/outside.ts';
import { sleep } from '../../base/time/backoff.ts';
import { systemClock } from '../../base/time/clock.ts';
import { AccessRefused, ChannelError, ConnectionClosed } from '../../drivers/errors.ts';
import { redisError, redisUrlForPeople } from '../../drivers/redis/client.ts';
import { DecodeError } from '../../wire/errors.ts';
import { groupMetaKey, resultKeyPrefix, taskMetaKey } from '../../wire/results/result-keys.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import * as states from '../../wire/results/states.ts';
import { CHORD_LEASE } from '../chord-parts.ts';
import type { BackendOptions, MetaListener, ProblemListener, ResultBackend } from '../contract.ts';
import { BackendGetMetaError, BackendStoreError } from '../errors.ts';
import { Listeners } from '../listeners.ts';
import { type Encoded, ResultCodec } from '../result-codec.ts';
import { firstRetrySchedule, retrySchedule } from '../retry.ts';
import { RedisChords } from './chords.ts';
import {
  type HealingClient,
  healingClient,
  healthCheckInterval,
  type RedisUrls,
  redisBackendUrls,
} from './connection.ts';
import { RedisDocuments } from './documents.ts';
import { documentsAbout } from './documents-about.ts';
import { Subscriber } from './subscriber.ts';

/** Seconds that what is under way gets when the backend is closed, since Redis may be silent. */
const CLOSE_GRACE = 2;
/** As Celery polls. */
const POLL_MS = 500;

interface Open extends HealingClient {
  /** The first connection; later losses heal without anybody asking. */
  readonly connected: Promise<void>;
  readonly documents: RedisDocuments;
}

export class RedisBackend implements ResultBackend {
  readonly name = 'redis';
  readonly url: string;
  readonly chords: RedisChords;
  readonly #options: BackendOptions;
  readonly #urls: RedisUrls;
  readonly #taskPrefix: string;
  readonly #groupPrefix: string;
  readonly #codec: ResultCodec;
  readonly #listeners = new Listeners();
  #open: Open | undefined;
  #subscriber: Subscriber | undefined;
  #stopped = false;
  /** Of those who wait although they may not hear. */
  readonly #polls = new Set<NodeJS.Timeout>();
  #isWarned = false;

  constructor(url: string, options: BackendOptions) {
    this.#options = options;
    this.#codec = new ResultCodec(options);
    this.#urls = redisBackendUrls(url, options);
    this.url = redisUrlForPeople(this.#urls[0]);
    const prefix = resultKeyPrefix(options.transportOptions.global_keyprefix);
    this.#taskPrefix = taskMetaKey('', prefix);
    this.#groupPrefix = groupMetaKey('', prefix);
    this.chords = this.#makeChords(prefix);
  }

  #makeChords(prefix: string): RedisChords {
    const { transportOptions, chordLease } = this.#options;
    return new RedisChords({
      prefix,
      ttl: this.#ttl,
      lease: chordLease ?? CHORD_LEASE,
      ordered: Boolean(transportOptions.result_chord_ordered ?? true),
      codec: this.#codec,
      attempt: async operation => {
        const { client, documents } = this.#opened();
        return documents.attempt(() => operation(client));
      },
      ask: async operation => {
        const { client, documents } = this.#opened();
        return documents.ask(() => operation(client));
      },
      storeError: (error, doing, taskId, state) =>
        this.#storeError(error, doing, { taskId, state }),
      getError: (error, doing, groupId) => this.#getError(error, groupId, doing),
    });
  }

  /** Whole seconds, 0 for ever. */
  get #ttl(): number {
    return Math.ceil(this.#options.expires ?? 0);
  }

  get subscriptions(): number {
    return this.#listeners.size;
  }

  /**
   * @throws OperationalError when the server does not answer, ChannelError when it refuses (the
   *   login, the database); nothing is left behind then
   */
  async start(): Promise<void> {
    this.#stopped = false;
    const { client, connected, trouble } = this.#opened();
    try {
      await connected;
    } catch (error) {
      // opened by an earlier call, and healed since
      if (client.status === 'ready') return;
      const reason = trouble() ?? error;
      await this.#close();
      throw redisError(reason, this.#urls, `connecting to the result backend ${this.url}`);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const poll of this.#polls) clearInterval(poll);
    this.#polls.clear();
    this.#listeners.close(closed());
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#subscriber?.close();
    this.#subscriber = undefined;
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    const grace = new AbortController();
    const tooLong = sleep(CLOSE_GRACE, systemClock, grace.signal).catch(() => {});
    await Promise.race([open.documents.close(), tooLong]);
    grace.abort();
    open.client.disconnect();
  }

  async store(meta: ResultMeta): Promise<void> {
    const document = this.#codec.encodeMeta(meta);
    try {
      await this.#opened().documents.store(this.#taskPrefix + meta.task_id, document);
    } catch (error) {
      throw this.#storeError(error, `storing the result of ${meta.task_id}`, {
        taskId: meta.task_id,
        state: meta.status,
      });
    }
  }

  async fetch(taskId: string): Promise<ResultMeta | undefined> {
    try {
      const document = await this.#opened().documents.fetch(this.#taskPrefix + taskId);
      return document === null ? undefined : this.#readMeta(taskId, document);
    } catch (error) {
      throw this.#getError(error, taskId, 'reading the result of');
    }
  }

  async fetchOfGroup(groupId: string): Promise<readonly ResultMeta[]> {
    const { client, documents } = this.#opened();
    const prefix = this.#taskPrefix;
    const found: ResultMeta[] = [];
    try {
      for await (const [key, document] of documentsAbout(groupId, { client, documents, prefix })) {
        const meta = this.#readMeta(key.slice(prefix.length), document);
        if (meta.group_id === groupId) found.push(meta);
      }
    } catch (error) {
      throw this.#getError(error, groupId, 'looking for results of the group');
    }
    return found;
  }

  async forget(taskId: string): Promise<void> {
    await this.#delete(this.#taskPrefix + taskId, taskId);
  }

  async subscribe(
    taskId: string,
    listener: MetaListener,
    onProblem?: ProblemListener,
  ): Promise<() => Promise<void>> {
    const subscriber = this.#subscribing();
    const channel = this.#taskPrefix + taskId;
    const remove = this.#listeners.add(taskId, listener, onProblem);
    const end = async () => {
      if (remove()) subscriber.drop(channel);
    };
    try {
      await subscriber.want(channel);
    } catch (error) {
      if (error instanceof AccessRefused) return this.#poll(taskId, channel, error, remove);
      await end();
      throw this.#getError(error, taskId, 'subscribing to');
    }
    return end;
  }

  /** This user may not hear what is announced: look again and again. */
  #poll(taskId: string, channel: string, error: Error, remove: () => boolean) {
    this.#warnOfAcl(`hear of results on ${channel}; they are polled`, error.message, channel);
    const poll = setInterval(() => this.#reread(taskId), POLL_MS);
    this.#polls.add(poll);
    return async () => {
      clearInterval(poll);
      this.#polls.delete(poll);
      remove();
    };
  }

  /** Once: the next ones are of the same kind. */
  #warnOfAcl(what: string, reason: string, channel: string): void {
    if (this.#isWarned) return;
    this.#isWarned = true;
    const task = channel.slice(this.#taskPrefix.length);
    const pattern = channel.startsWith(this.#taskPrefix) && task ? `${this.#taskPrefix}*` : channel;
    this.#options.messaging?.warn(
      `Redis does not let this user ${what}: ${reason}. Its ACL needs &${pattern}.`,
    );
  }

  async storeGroup(groupId: string, tuple: unknown, what = 'the group'): Promise<void> {
    const document = this.#codec.encode({ result: tuple });
    try {
      await this.#opened().documents.put(this.#groupPrefix + groupId, document);
    } catch (error) {
      throw this.#storeError(error, `storing ${what} ${groupId}`, { taskId: groupId, state: '' });
    }
  }

  async fetchGroup(groupId: string, what = 'the group'): Promise<unknown | undefined> {
    try {
      const document = await this.#opened().documents.fetch(this.#groupPrefix + groupId);
      return document === null ? undefined : readGroup(this.#codec.decode(document));
    } catch (error) {
      throw this.#getError(error, groupId, `reading ${what}`);
    }
  }

  async forgetGroup(groupId: string): Promise<void> {
    await this.#delete(this.#groupPrefix + groupId, groupId);
  }

  /** Redis deletes what expired. */
  async cleanup(): Promise<number> {
    return 0;
  }

  async #delete(key: string, id: string): Promise<void> {
    try {
      await this.#opened().documents.delete(key);
    } catch (error) {
      throw this.#getError(error, id, 'forgetting');
    }
  }

  #opened(): Open {
    if (this.#stopped) throw closed();
    if (!this.#open) {
      const healing = healingClient(this.#urls, this.#options);
      const { client, trouble } = healing;
      const connected = outside(() => client.connect());
      connected.catch(() => {}); // whoever needs it waits for it
      const documents = new RedisDocuments(client, {
        ttl: this.#ttl,
        retry: retrySchedule(this.#options),
        firstRetry: firstRetrySchedule(this.#options),
        connected,
        trouble,
        onUnannounced: (reason, key) => this.#warnOfAcl(`announce results on ${key}`, reason, key),
        ...(this.#codec.isJson ? {} : { isFinal: document => this.#isSuccess(document) }),
      });
      this.#open = { ...healing, connected, documents };
    }
    return this.#open;
  }

  #subscribing(): Subscriber {
    if (this.#stopped) throw closed();
    if (!this.#subscriber) {
      const { client } = healingClient(this.#urls, this.#options);
      this.#subscriber = new Subscriber(client, {
        healthCheckInterval: healthCheckInterval(this.#urls, this.#options),
        binary: !this.#codec.isJson,
        onMessage: (channel, document) => this.#hear(channel, document),
        onResubscribed: channels => this.#catchUp(channels),
      });
      outside(() => client.connect()).catch(() => {}); // it heals, and a refusal reaches whoever subscribes
    }
    return this.#subscriber;
  }

  /** A document that may not be read here, or cannot be, is overwritten. */
  #isSuccess(document: Buffer): boolean {
    try {
      return this.#codec.decodeMeta(document).status === states.SUCCESS;
    } catch {
      return false;
    }
  }

  #hear(channel: string, document: Encoded): void {
    const taskId = channel.slice(this.#taskPrefix.length);
    if (!this.#listeners.has(taskId)) return;
    let meta: ResultMeta;
    try {
      meta = this.#readMeta(taskId, document);
    } catch {
      // Not a document: perhaps somebody else's message. What is stored is what counts.
      this.#reread(taskId);
      return;
    }
    this.#listeners.notify(meta);
  }

  /** What was announced while the connection was down is read from the keys: PUBLISH keeps nothing. */
  #catchUp(channels: readonly string[]): void {
    for (const channel of channels) this.#reread(channel.slice(this.#taskPrefix.length));
  }

  #reread(taskId: string): void {
    this.fetch(taskId).then(
      meta => meta && this.#listeners.notify(meta),
      error => this.#listeners.report(taskId, error),
    );
  }

  /** The key says whose document it is; Python's groups and old versions leave the id out. */
  #readMeta(taskId: string, document: Encoded): ResultMeta {
    const meta = this.#codec.decodeMeta(document);
    return meta.task_id === taskId ? meta : { ...meta, task_id: taskId };
  }

  #storeError(
    error: unknown,
    doing: string,
    document: { taskId: string; state: string },
  ): BackendStoreError {
    const recoverable = !(redisError(error, this.#urls, doing) instanceof ChannelError);
    return new BackendStoreError(this.#describe(error, doing), { ...document, recoverable });
  }

  #getError(error: unknown, id: string, doing: string): BackendGetMetaError {
    return new BackendGetMetaError(this.#describe(error, `${doing} ${id}`), { taskId: id });
  }

  /** Driver errors carry the command with its arguments, so only their text is kept. */
  #describe(error: unknown, doing: string): string {
    return error instanceof CeleryError
      ? `Error ${doing}: ${error.message}`
      : redisError(error, this.#urls, doing).message;
  }
}

function closed(): ConnectionClosed {
  return new ConnectionClosed('The result backend was closed.');
}

function readGroup(document: unknown): unknown {
  if (typeof document === 'object' && document !== null && 'result' in document) {
    return document.result;
  }
  throw new DecodeError('a saved group is an object with "result".');
}
