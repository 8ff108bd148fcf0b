/**
 * The life of one message in this worker: it decides when the message is acknowledged,
 * rejected or requeued. Knows its task's options; knows nothing about pools or queues.
 */

import type { TaskDefinition } from '../app/tasks/definition.ts';
import { printable } from '../base/text/printable.ts';
import type { TaskSource } from '../execute/execution.ts';
import type { TaskReply } from '../execute/outcome.ts';
import type { Delivery } from '../messaging/contract.ts';
import type { TaskHeaders } from '../wire/messages/task-message.ts';
import type { DeadLetters, Refusal } from './dead-letters.ts';

export type RequestState =
  | 'reserved'
  | 'scheduled'
  | 'limited'
  | 'starting'
  | 'submitted'
  | 'active'
  | 'done';

/** A message as it came, for a worker that sends events: it wants texts. */
export type TalkativePayload = readonly [raw: string];

/**
 * A task may bring a class of its own (option `Request`) that overrides the `on…` methods;
 * they are called in the worker's own process and must not throw.
 */
export class Request {
  readonly headers: TaskHeaders;
  readonly task: TaskDefinition;
  /** Whether the message is acknowledged after the run. */
  readonly acksLate: boolean;
  state: RequestState = 'reserved';
  /** Process that runs it. */
  pid: number | undefined;
  /** When its message came, in seconds since 1970; known to a worker with metrics. */
  receivedAt: number | undefined;
  /** When its code started, in seconds since 1970. */
  startedAt: number | undefined;
  /** The broker was asked to deliver the message once more. */
  wasPutBack = false;
  /** Killed because the broker delivers it again anyway (a lost connection). */
  isCancelled = false;
  /** The signal that a remote command had its process killed with. */
  terminatedBy: NodeJS.Signals | undefined;
  /** Who keeps the message when it is rejected for good; without it the broker drops it. */
  deadLetters: DeadLetters | undefined;
  /** Tells the runs of one id apart: a retry may arrive before the try before it has ended. */
  key: string;
  #delivery: Delivery;
  #olderDeliveries: Delivery[] | undefined;

  constructor(delivery: Delivery, headers: TaskHeaders, task: TaskDefinition) {
    this.#delivery = delivery;
    this.headers = headers;
    this.task = task;
    this.acksLate = task.resolved.acksLate;
    const { id, retries, replacedTaskNesting: nesting } = headers;
    this.key = retries === 0 && nesting === 0 ? id : `${id} ${retries} ${nesting}`;
  }

  /** The task's code is about to run in process `pid`. */
  onAccepted(_pid: number): void {}

  /** The task answered: success, failure, retry, ignore or reject. */
  onDone(_reply: TaskReply): void {}

  /**
   * The task failed. When its code did, after `onDone`, the error's message is what Python's `repr` of
   * it would be: the error itself stays where the task ran. When nothing answered, since the process
   * died, was killed, or the hard time limit passed, it is a `PoolError`. Celery: `on_failure`.
   */
  onFailure(_error: Error): void {}

  /** A time limit passed: the soft one (the task was told) or the hard one (it was killed). */
  onTimeout(_soft: boolean, _seconds: number): void {}

  /** The newest one: when a broker delivers a message again, the delivery before is void. */
  get delivery(): Delivery {
    return this.#delivery;
  }

  get id(): string {
    return this.headers.id;
  }

  /** `name[id]`, as in every log line about the task. */
  get label(): string {
    return printable(`${this.headers.shadow ?? this.headers.task}[${this.headers.id}]`);
  }

  /** Early acks: the message was acknowledged, nothing is left to settle. */
  get isAcknowledged(): boolean {
    return !this.acksLate && (this.state === 'submitted' || this.state === 'active');
  }

  isExpired(now: number): boolean {
    return this.headers.expires !== null && this.headers.expires < now;
  }

  /** `[hard, soft]` in seconds; 0 is none. The message's limits win over the task's. */
  get timeLimits(): readonly [number, number] {
    const { timeLimit, softTimeLimit } = this.task.resolved;
    const [hard, soft] = this.headers.timelimit;
    return [hard ?? timeLimit ?? 0, soft ?? softTimeLimit ?? 0];
  }

  /**
   * What a child needs to run it: the message as it came, if possible.
   *
   * @param wantsTexts as `TaskSource.wantsTexts`
   */
  payload(wantsTexts: boolean): string | TalkativePayload | TaskSource {
    const { raw, message, exchange, routingKey, redelivered } = this.#delivery;
    if (raw !== undefined) return wantsTexts ? [raw] : raw;
    return { message, exchange, routingKey, redelivered, wantsTexts };
  }

  /** About how many bytes `payload` has, since large ones travel apart from others. */
  get size(): number {
    const { raw, message } = this.#delivery;
    return (raw ?? message.body).length;
  }

  /** The same for this process, where what was read needs not be read again. */
  source(wantsTexts: boolean): TaskSource {
    const { message, exchange, routingKey, redelivered } = this.#delivery;
    return { message, exchange, routingKey, redelivered, headers: this.headers, wantsTexts };
  }

  /**
   * The same message was delivered again: it is settled together with this, as its task runs once.
   */
  join(delivery: Delivery): void {
    this.#olderDeliveries ??= [];
    this.#olderDeliveries.push(this.#delivery);
    this.#delivery = delivery;
  }

  /** Acknowledge now, whatever becomes of the task. Rejects when the message is not ours any more. */
  ack(): Promise<void> {
    return this.#settle(delivery => delivery.ack());
  }

  /** Give the message back, last in line. */
  requeue(options: { counted: boolean }): Promise<void> {
    this.state = 'done';
    this.wasPutBack = true;
    return this.#settle(delivery => delivery.reject(true, options));
  }

  /** It does not start here after all: somebody else may have it next. Of several, the newest first. */
  giveBack(): Promise<void> {
    this.state = 'done';
    return this.#settle(delivery => delivery.reject(true, { first: true }));
  }

  /** Settle after an answer of the task's own. Early acks have settled the message before. */
  settle(reply: TaskReply): Promise<void> | undefined {
    this.state = 'done';
    const { kind, requeue = false, problem, error = '' } = reply;
    this.wasPutBack = requeue;
    if (problem && this.deadLetters) return this.#giveUp({ reason: problem, error });
    if (kind === 'reject' && !requeue) return this.#giveUp({ reason: 'rejected', error });
    if (!this.acksLate) return undefined;
    if (kind === 'reject') return this.#settle(delivery => delivery.reject(true));
    return kind === 'failure' ? this.#settleFailure(error) : this.ack();
  }

  /** Whether the loss of its child puts the message back instead of failing the task. */
  get requeuesWhenLost(): boolean {
    return this.acksLate && this.task.resolved.rejectOnWorkerLost;
  }

  settleLost(error: string): Promise<void> | undefined {
    this.state = 'done';
    if (!this.acksLate) return undefined;
    return this.requeuesWhenLost ? this.requeue({ counted: true }) : this.#settleFailure(error);
  }

  settleTimeout(): Promise<void> | undefined {
    this.state = 'done';
    if (!this.acksLate) return undefined;
    return this.task.resolved.acksOnTimeout ? this.ack() : this.requeue({ counted: true });
  }

  #settleFailure(error: string): Promise<void> | undefined {
    if (this.task.resolved.acksOnFailure) return this.ack();
    return this.#giveUp({ reason: 'failed', error });
  }

  /** With early acks the message is gone already, but a copy of it can still be kept. */
  #giveUp(why: Refusal): Promise<void> | undefined {
    const { deadLetters } = this;
    if (!this.acksLate) return deadLetters?.buryCopy(this.#delivery, why);
    if (!deadLetters) return this.#settle(delivery => delivery.reject(false));
    // once for all deliveries of the message
    const newest = this.#delivery;
    return this.#settle(each => (each === newest ? deadLetters.bury(each, why) : each.ack()));
  }

  #settle(how: (delivery: Delivery) => Promise<void>): Promise<void> {
    // What happens to void deliveries does not matter; the broker may not know them any more.
    for (const older of this.#olderDeliveries ?? []) how(older).catch(() => {});
    this.#olderDeliveries = undefined;
    return how(this.#delivery);
  }
}
