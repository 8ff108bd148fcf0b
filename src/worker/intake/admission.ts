/**
 * Decides what becomes of a delivery: a request for the pool, now or when its time comes, or
 * none at all. Reads headers only.
 */

import type { Signals } from '../../app/signals/signals.ts';
import type { TaskDefinition } from '../../app/tasks/definition.ts';
import { TaskRevokedError } from '../../app/tasks/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Clock, Timer } from '../../base/time/clock.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { failTask, revokeTask } from '../../execute/run/run-task.ts';
import type { Delivery } from '../../messaging/contract.ts';
import {
  isTaskMessage,
  readTaskHeaders,
  type TaskHeaders,
} from '../../wire/messages/task-message.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { DeadLetters } from '../dead-letters.ts';
import { Request } from '../request.ts';
import type { RevokedTasks } from '../revoked-tasks.ts';
import type { WorkerState } from '../worker-state.ts';
import { tooManyDeliveries } from './delivery-limit.ts';
import type { EtaParking } from './eta-parking.ts';
import type { LostAcks } from './lost-acks.ts';
import type { RateLimits } from './rate-limits.ts';
import { Refusals } from './refusals.ts';
import type { SuccessfulTasks } from './successful-tasks.ts';
import type { UnknownTasks } from './unknown-tasks.ts';

export interface AdmissionPorts {
  task(name: string): TaskDefinition | undefined;
  /** The request may go to the pool. `isLate`: not while deliveries are being received. */
  reserve(request: Request, isLate: boolean): void;
  /** The number of requests that wait for their time has changed. */
  onScheduled(count: number): void;
  readonly signals: Signals;
}

/** What a worker may do besides, each when its setting asks for it. */
export interface AdmissionPolicies {
  readonly rateLimits?: RateLimits | undefined;
  readonly successful?: SuccessfulTasks | undefined;
  /** Keeps messages for tasks that are unknown here; without it they are given up. */
  readonly unknown?: UnknownTasks | undefined;
  /** Keeps messages that are given up. */
  readonly deadLetters?: DeadLetters | undefined;
  /** Has messages that are due much later kept by the broker. */
  readonly parking?: EtaParking | undefined;
  /** Runs that ended without the broker's knowing. */
  readonly lostAcks: LostAcks;
  /** Tasks that are not to run. */
  readonly revoked: RevokedTasks;
  /** `worker_max_deliveries` */
  readonly maxDeliveries: number | null;
}

export class Admission {
  readonly #state: WorkerState;
  readonly #ports: AdmissionPorts;
  readonly #policies: AdmissionPolicies;
  readonly #refusals: Refusals;
  readonly #execution: ExecutionPorts;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #timers = new Map<Request, Timer>();
  #isStopped = false;

  constructor(
    state: WorkerState,
    ports: AdmissionPorts,
    policies: AdmissionPolicies,
    execution: ExecutionPorts,
  ) {
    this.#state = state;
    this.#ports = ports;
    this.#policies = policies;
    this.#refusals = new Refusals(execution, ports.signals, policies);
    this.#execution = execution;
    this.#logger = execution.logger;
    this.#clock = execution.clock;
  }

  receive(delivery: Delivery): void {
    const headers = this.#readHeaders(delivery);
    if (!headers) return;
    const task = this.#ports.task(headers.task);
    const { accept } = this.#execution;
    if (!task || task.isRemote) this.#refusals.unregistered(delivery, headers);
    else if (!accept.has(delivery.message.contentType)) this.#refusals.disallowedContent(delivery);
    else this.#accept(this.#newRequest(delivery, headers, task), delivery);
  }

  /** Whether the task would be acknowledged and given to the pool as soon as its message came. */
  startsAtOnce(delivery: Delivery): boolean {
    const { accept } = this.#execution;
    const { message, redelivered, problem } = delivery;
    if (this.#isStopped || problem || redelivered) return false;
    if (!isTaskMessage(message, accept) || !accept.has(message.contentType)) return false;
    const headers = attempt(() => readTaskHeaders(message, accept));
    const task = headers && this.#ports.task(headers.task);
    if (!task || task.isRemote || task.resolved.acksLate || headers.eta !== null) return false;
    const isLimited = this.#policies.rateLimits?.limits(task) ?? false;
    return !isLimited && headers.expires === null && !this.#policies.revoked.has(headers.id);
  }

  /** Forget what waits for its time; the messages stay with the broker. */
  cancelScheduled(): void {
    this.#isStopped = true;
    for (const [request, timer] of this.#timers) {
      timer.cancel();
      this.#state.requests.delete(request);
    }
    this.#timers.clear();
    for (const request of this.#policies.rateLimits?.clear() ?? []) {
      this.#state.requests.delete(request);
    }
    this.#policies.unknown?.clear();
  }

  /** Whether the request expired or was revoked; then it is settled and its state stored. */
  discard(request: Request): boolean {
    const expired = request.isExpired(this.#clock.now());
    if (!expired && !this.#policies.revoked.has(request.id)) return false;
    request.state = 'done';
    this.#state.requests.delete(request);
    this.#logger.info(`Discarding revoked task: ${request.label}`, { task_id: request.id });
    this.#refusals.settle(this.#revoke(request, expired ? 'expired' : 'revoked', null));
    return true;
  }

  /** The process that ran the request was killed on request: store that, and settle it. */
  async terminated(request: Request, signal: string): Promise<void> {
    await this.#revoke(request, 'terminated', signal);
  }

  async #revoke(
    request: Request,
    reason: 'expired' | 'revoked' | 'terminated',
    signum: string | null,
  ): Promise<void> {
    const { task, id } = request.headers;
    const terminated = reason === 'terminated';
    const event = { task, id, terminated, signum, expired: reason === 'expired' };
    void this.#ports.signals.taskRevoked.send(task, event);
    const error = new TaskRevokedError(reason);
    await revokeTask(request.task, request.delivery, this.#execution, error);
    if (!request.isAcknowledged) await request.ack();
  }

  #readHeaders(delivery: Delivery): TaskHeaders | undefined {
    try {
      if (delivery.problem) throw delivery.problem;
      const { accept } = this.#execution;
      if (isTaskMessage(delivery.message, accept)) return readTaskHeaders(delivery.message, accept);
      this.#refusals.noTask(delivery);
    } catch (error) {
      this.#refusals.unreadable(delivery, error);
    }
    return undefined;
  }

  #accept(request: Request, delivery: Delivery): void {
    if (delivery.redelivered && this.#isSettled(request, delivery)) return;
    if (this.#parks(request, delivery)) return;
    this.#keep(request, delivery);
  }

  /** What is not to run at all is not parked either. */
  #parks(request: Request, delivery: Delivery): boolean {
    const { parking, revoked } = this.#policies;
    if (!parking || request.isExpired(this.#clock.now()) || revoked.has(request.id)) return false;
    return parking.take(request, isOver => {
      if (!isOver && !this.#isStopped) this.#keep(request, delivery);
    });
  }

  #keep(request: Request, delivery: Delivery): void {
    this.#state.requests.add(request);
    this.#announce(request, delivery);
    if (this.discard(request)) return;
    const { successful } = this.#policies;
    if (successful && request.acksLate && delivery.redelivered) {
      void this.#admitUnlessDone(request, successful);
    } else {
      this.#admit(request, false);
    }
  }

  /** A message that was delivered before may be here already, or have done harm enough. */
  #isSettled(request: Request, delivery: Delivery): boolean {
    const twin = this.#state.requests.twinOf(request);
    if (twin && twin.headers.task === request.headers.task) {
      this.#join(twin, delivery);
      return true;
    }
    const end = this.#policies.lostAcks.endOf(request);
    if (end) {
      this.#logger.info(`Task ${request.label} has ended here; it is not started twice`, {
        task_id: request.id,
      });
      const settled = request.settle(end);
      if (settled) this.#refusals.settle(settled);
      return true;
    }
    const error = tooManyDeliveries(request, delivery, this.#policies.maxDeliveries);
    if (!error) return false;
    this.#logger.error(`Giving up ${request.label}: ${error.message}`, { task_id: request.id });
    const stored = failTask(request.task, delivery, this.#execution, error);
    const why = { reason: 'delivery_limit', error: exceptionRepr(error) } as const;
    this.#refusals.settle(stored.then(() => this.#refusals.giveUp(delivery, why)));
    return true;
  }

  /** The broker gave the message to us once more while we still have it. */
  #join(request: Request, delivery: Delivery): void {
    this.#logger.info(`Task ${request.label} received again; it is not started twice`, {
      task_id: request.id,
    });
    if (request.isAcknowledged) this.#refusals.settle(delivery.ack());
    else request.join(delivery);
  }

  #announce(request: Request, { queue }: Delivery): void {
    const { task, id } = request.headers;
    const { taskReceived } = this.#ports.signals;
    if (taskReceived.hasListeners(task)) void taskReceived.send(task, { task, id, queue });
    if (this.#logger.isEnabledFor('info')) {
      this.#logger.info(`Task ${request.label} received`, { task, task_id: id });
    }
  }

  async #admitUnlessDone(request: Request, successful: SuccessfulTasks): Promise<void> {
    const isDone = await successful.has(request.id);
    if (this.#isStopped) return this.#state.requests.delete(request);
    if (!isDone) return this.#admit(request, true);
    this.#logger.info(`Task ${request.label} already completed successfully.`, {
      task_id: request.id,
    });
    this.#state.requests.delete(request);
    this.#refusals.settle(request.ack());
  }

  #admit(request: Request, isLate: boolean): void {
    const { eta } = request.headers;
    if (eta === null) this.#reserve(request, isLate);
    else this.#schedule(request, eta);
  }

  #reserve(request: Request, isLate: boolean): void {
    if (this.#policies.rateLimits?.hold(request, isLate)) return;
    request.state = 'reserved';
    this.#ports.reserve(request, isLate);
  }

  #schedule(request: Request, eta: number): void {
    request.state = 'scheduled';
    const seconds = eta - this.#clock.now();
    const pause = this.#policies.parking?.retryAfter(request) ?? seconds;
    const timer = this.#clock.after(Math.min(seconds, pause), () => {
      this.#timers.delete(request);
      if (pause < seconds) this.#parkLate(request, eta);
      else this.#reserve(request, true);
      this.#ports.onScheduled(this.#timers.size);
    });
    this.#timers.set(request, timer);
    this.#ports.onScheduled(this.#timers.size);
  }

  /** The broker would not keep the message when it came. */
  #parkLate(request: Request, eta: number): void {
    const isTried = this.#policies.parking?.take(request, isOver => {
      if (isOver) this.#state.requests.delete(request);
      else if (!this.#isStopped) this.#schedule(request, eta);
    });
    if (!isTried) this.#schedule(request, eta);
  }

  #newRequest(delivery: Delivery, headers: TaskHeaders, task: TaskDefinition): Request {
    const Class = (task.resolved.Request as typeof Request | undefined) ?? Request;
    const request = new Class(delivery, headers, task);
    request.deadLetters = this.#policies.deadLetters;
    return request;
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
