/**
 * Results as messages: each state of a task is sent to the queue that its message names in
 * `reply_to`, and only the process that sent the task gets it. Celery: `rpc://`.
 */
import { CeleryError, ImproperlyConfigured } from '../../base/errors.ts';
import { ChannelError, ConnectionClosed } from '../../drivers/errors.ts';
import type { Delivery } from '../../messaging/contract.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import type {
  BackendOptions,
  MessagingPort,
  MetaListener,
  ProblemListener,
  ResultBackend,
} from '../contract.ts';
import { BackendGetMetaError, BackendStoreError } from '../errors.ts';
import { Listeners } from '../listeners.ts';
import { retrySchedule } from '../retry.ts';
import { KeptReplies } from './kept-replies.ts';
import { ReplyMessages } from './reply-message.ts';
import { ReplyQueue } from './reply-queue.ts';
import { ResultSender } from './result-sender.ts';

/**
 * Results that wait to be read, lest those that nobody ever reads fill the memory;
 * `max_unread_results` of the transport options.
 */
const MAX_UNREAD = 100_000;

export class RpcBackend implements ResultBackend {
  readonly name = 'rpc';
  readonly url = 'rpc://';
  readonly onlyForSender = true;
  readonly #messaging: MessagingPort;
  readonly #messages: ReplyMessages;
  readonly #sender: ResultSender;
  readonly #queue: ReplyQueue;
  readonly #kept: KeptReplies;
  readonly #listeners = new Listeners();
  #stopped = false;

  /** @throws ImproperlyConfigured for an option that cannot be used */
  constructor(options: BackendOptions) {
    if (!options.messaging) {
      throw new ImproperlyConfigured('The rpc result backend works only as part of an app.');
    }
    const { messaging, expires } = options;
    this.#messaging = messaging;
    this.#messages = new ReplyMessages(options);
    this.#sender = new ResultSender(() => messaging.publishing(), retrySchedule(options));
    const maxUnread = maxUnreadResults(options.transportOptions.max_unread_results);
    const onDropped = warnOnce(
      messaging,
      `More than ${maxUnread} results wait to be read; the oldest are dropped. Send tasks whose results nobody reads with ignoreResult, or raise max_unread_results in result_backend_transport_options.`,
    );
    this.#kept = new KeptReplies({ expires, maxUnread, onDropped });
    const onMessage = (delivery: Delivery) => this.#receive(delivery);
    this.#queue = new ReplyQueue({ messaging, expires, onMessage });
  }

  get subscriptions(): number {
    return this.#listeners.size;
  }

  /** @throws OperationalError when the broker does not answer */
  async start(): Promise<void> {
    this.#stopped = false;
    await (await this.#messaging.publishing()).connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#listeners.close(closed());
    await Promise.all([this.#sender.stop(), this.#queue.close()]);
  }

  /** Without `replyTo` nobody waits, and nothing is sent. */
  async store(meta: ResultMeta, replyTo?: string | null): Promise<void> {
    if (!replyTo) return;
    this.#assertOpen();
    const message = this.#messages.write(meta);
    try {
      await this.#sender.send(message, replyTo);
    } catch (error) {
      const { task_id: taskId, status: state } = meta;
      throw new BackendStoreError(describe(error, `storing the result of ${taskId}`), {
        taskId,
        state,
        recoverable: !(error instanceof ChannelError),
      });
    }
  }

  expect(): Promise<unknown> | undefined {
    this.#assertOpen();
    return this.#queue.open();
  }

  /** What has arrived: results of this process come by themselves, others never. */
  async fetch(taskId: string): Promise<ResultMeta | undefined> {
    const reply = this.#kept.get(taskId);
    return reply && this.#messages.metaOf(reply);
  }

  release(taskId: string): void {
    this.#kept.markRead(taskId);
  }

  async forget(taskId: string): Promise<void> {
    this.#kept.delete(taskId);
  }

  async subscribe(
    taskId: string,
    listener: MetaListener,
    onProblem?: ProblemListener,
  ): Promise<() => Promise<void>> {
    this.#assertOpen();
    const remove = this.#listeners.add(taskId, listener, onProblem);
    try {
      await this.#queue.open();
    } catch (error) {
      remove();
      throw new BackendGetMetaError(describe(error, `waiting for ${taskId}`), { taskId });
    }
    return async () => void remove();
  }

  storeGroup(): Promise<void> {
    return noGroups();
  }

  fetchGroup(): Promise<unknown> {
    return noGroups();
  }

  forgetGroup(): Promise<void> {
    return noGroups();
  }

  async cleanup(): Promise<number> {
    return this.#kept.deleteExpired();
  }

  #receive({ message, problem }: Delivery): void {
    try {
      if (problem) throw problem;
      const { reply, meta } = this.#messages.read(message);
      if (this.#kept.add(reply)) this.#listeners.notify(meta);
    } catch (error) {
      this.#reportUnreadable(error, message.properties.correlation_id);
    }
  }

  /** The one who waits hears of it; when nobody does, it is said aloud, as it will not come again. */
  #reportUnreadable(error: unknown, taskId = 'a task'): void {
    const unreadable = new BackendGetMetaError(describe(error, `reading the result of ${taskId}`), {
      taskId,
    });
    if (this.#listeners.has(taskId)) this.#listeners.report(taskId, unreadable);
    else this.#messaging.warn(unreadable.message);
  }

  #assertOpen(): void {
    if (this.#stopped) throw closed();
  }
}

function closed(): ConnectionClosed {
  return new ConnectionClosed('The result backend was closed.');
}

function describe(error: unknown, doing: string): string {
  if (!(error instanceof CeleryError)) throw error;
  return `Error ${doing}: ${error.message}`;
}

function warnOnce(messaging: MessagingPort, message: string): () => void {
  let warned = false;
  return () => {
    if (!warned) messaging.warn(message);
    warned = true;
  };
}

function maxUnreadResults(given: unknown): number {
  if (given === undefined) return MAX_UNREAD;
  if (typeof given === 'number' && Number.isSafeInteger(given) && given > 0) return given;
  throw new ImproperlyConfigured(
    `max_unread_results of result_backend_transport_options must be a positive integer, not ${JSON.stringify(given)}.`,
  );
}

async function noGroups(): Promise<never> {
  throw new ImproperlyConfigured(
    'The rpc result backend cannot keep groups or complete chords: results are messages to the process that sent the task. Use a result_backend that stores results, for example "redis://localhost/1".',
  );
}
