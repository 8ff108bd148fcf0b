/**
 * The life of one delivery in this worker: it decides when the message is acknowledged,
 * rejected or requeued. Knows its task's options; knows nothing about pools or queues.
 */
import type { TaskDefinition } from '../app/task-definition.ts';
import type { TaskReply } from '../execute/outcome.ts';
import type { Delivery } from '../messaging/contract.ts';
import type { TaskHeaders } from '../wire/task-message.ts';

export type RequestState = 'reserved' | 'scheduled' | 'starting' | 'submitted' | 'active' | 'done';

export class Request {
  readonly delivery: Delivery;
  readonly headers: TaskHeaders;
  readonly task: TaskDefinition;
  /** Whether the message is acknowledged after the run. */
  readonly acksLate: boolean;
  state: RequestState = 'reserved';
  /** Process that runs it. */
  pid: number | undefined;

  constructor(delivery: Delivery, headers: TaskHeaders, task: TaskDefinition) {
    this.delivery = delivery;
    this.headers = headers;
    this.task = task;
    this.acksLate = task.resolved.acksLate;
  }

  get id(): string {
    return this.headers.id;
  }

  /** `name[id]`, as in every log line about the task. */
  get label(): string {
    return `${this.headers.shadow ?? this.headers.task}[${this.headers.id}]`;
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

  /** What a child needs to run it. */
  get payload(): unknown {
    const { raw, message, exchange, routingKey, redelivered } = this.delivery;
    return raw ?? { message, exchange, routingKey, redelivered };
  }

  /** Settle after an answer of the task's own. Early acks have settled the message before. */
  settle(reply: TaskReply): Promise<unknown> | undefined {
    this.state = 'done';
    if (!this.acksLate) return undefined;
    if (reply.kind === 'reject') return this.delivery.reject(reply.requeue ?? false);
    if (reply.kind === 'failure') return this.#settleFailure();
    return this.delivery.ack();
  }

  /** Whether the loss of its child puts the message back instead of failing the task. */
  get requeuesWhenLost(): boolean {
    return this.acksLate && this.task.resolved.rejectOnWorkerLost;
  }

  /** Settle after the child that ran it died. */
  settleLost(): Promise<unknown> | undefined {
    this.state = 'done';
    if (!this.acksLate) return undefined;
    return this.requeuesWhenLost ? this.delivery.reject(true) : this.#settleFailure();
  }

  /** Settle after the hard time limit. */
  settleTimeout(): Promise<unknown> | undefined {
    this.state = 'done';
    if (!this.acksLate) return undefined;
    return this.task.resolved.acksOnTimeout ? this.delivery.ack() : this.delivery.reject(true);
  }

  #settleFailure(): Promise<unknown> {
    return this.task.resolved.acksOnFailure ? this.delivery.ack() : this.delivery.reject(false);
  }
}
