/**
 * Decides what becomes of a delivery: a request for the pool, now or when its time comes, or
 * none at all. Reads headers only.
 */

import type { TaskDefinition } from '../../app/tasks/definition.ts';
import type { Logger } from '../../base/logger.ts';
import type { Clock, Timer } from '../../base/time/clock.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { tellStoredEnd } from '../../execute/run/settle-lost.ts';
import type { Delivery } from '../../messaging/contract.ts';
import {
  isTaskMessage,
  readTaskHeaders,
  type TaskHeaders,
} from '../../wire/messages/task-message.ts';
import type { Announcer } from '../announcer.ts';
import { Request } from '../request.ts';
import type { StoredRevokes } from '../revoking/stored-revokes.ts';
import type { WorkerState } from '../worker-state.ts';
import type { Verdict } from './judge.ts';
import type { IntakePolicies } from './policies.ts';
import type { Refusals } from './refusals.ts';
import type { SuccessfulTasks } from './successful-tasks.ts';
import type { Unwanted } from './unwanted.ts';

export interface Line {
  /** Whether a request that came now would start now. */
  readonly isReady: boolean;
  reserve(request: Request): void;
  pump(): void;
}

export interface AdmissionPorts {
  definition(name: string): TaskDefinition | undefined;
  readonly line: Line;
  onScheduled(count: number): void;
  readonly announcer: Announcer;
}

export class Admission {
  readonly #state: WorkerState;
  readonly #ports: AdmissionPorts;
  readonly #policies: IntakePolicies;
  readonly #refusals: Refusals;
  readonly #unwanted: Unwanted;
  readonly #execution: ExecutionPorts;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #timers = new Map<Request, Timer>();
  #isStopped = false;
  /**
   * What was read when a transport asked whether it may acknowledge on arrival: the message itself
   * comes next, and is not read again.
   */
  #looked: { readonly delivery: Delivery; readonly headers: TaskHeaders } | undefined;

  constructor(
    { state, execution }: { state: WorkerState; execution: ExecutionPorts },
    ports: AdmissionPorts,
    policies: IntakePolicies,
    { refusals, unwanted }: { refusals: Refusals; unwanted: Unwanted },
  ) {
    this.#state = state;
    this.#ports = ports;
    this.#policies = policies;
    this.#refusals = refusals;
    this.#unwanted = unwanted;
    this.#execution = execution;
    this.#logger = execution.logger;
    this.#clock = execution.clock;
  }

  readonly receiveAll = (deliveries: readonly Delivery[]): void => {
    for (const delivery of deliveries) this.receive(delivery);
    this.#looked = undefined;
    this.#ports.line.pump();
  };

  receive(delivery: Delivery): void {
    const headers = this.#readHeaders(delivery);
    if (!headers) return;
    const task = this.#ports.definition(headers.task);
    const { accept } = this.#execution;
    if (!task || task.isRemote) this.#refusals.unregistered(delivery, headers);
    else if (!accept.has(delivery.message.contentType)) this.#refusals.disallowedContent(delivery);
    else this.#accept(this.#newRequest(delivery, headers, task), delivery);
  }

  /** Whether the task would be acknowledged and given to the pool as soon as its message came. */
  readonly startsAtOnce = (delivery: Delivery): boolean => {
    const { accept } = this.#execution;
    const { message, redelivered, problem } = delivery;
    if (this.#isStopped || !this.#ports.line.isReady || problem || redelivered) return false;
    if (!isTaskMessage(message, accept) || !accept.has(message.contentType)) return false;
    const headers = attempt(() => readTaskHeaders(message, accept));
    this.#looked = headers && { delivery, headers };
    return headers !== undefined && this.#isFree(headers, delivery);
  };

  /** Whether nothing keeps the task from starting now, and from being acknowledged before. */
  #isFree(headers: TaskHeaders, delivery: Delivery): boolean {
    const { task: name, eta, expires } = headers;
    const task = this.#ports.definition(name);
    if (!task || task.isRemote || task.resolved.acksLate) return false;
    if (eta !== null || expires !== null || this.#policies.revoked.covers(headers)) return false;
    if (this.#policies.rateLimits?.limits(task) || this.#policies.storedRevokes) return false;
    return this.#verdictOn(headers, delivery, task) === undefined;
  }

  /** Let go of those meant of what waits for its time; the caller settles them. */
  withdraw(isMeant: (request: Request) => boolean): Request[] {
    const withdrawn: Request[] = [];
    for (const [request, timer] of this.#timers) {
      if (!isMeant(request)) continue;
      timer.cancel();
      this.#timers.delete(request);
      withdrawn.push(request);
    }
    if (withdrawn.length > 0) this.#ports.onScheduled(this.#timers.size);
    return [...withdrawn, ...(this.#policies.rateLimits?.withdraw(isMeant) ?? [])];
  }

  /**
   * Forget what waits for its time; the messages stay with the broker, which gives them to others.
   */
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

  #readHeaders(delivery: Delivery): TaskHeaders | undefined {
    try {
      if (this.#looked?.delivery === delivery) return this.#looked.headers;
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
    if (delivery.redelivered && this.#isKnown(request, delivery)) return;
    const verdict = this.#verdictOn(request.headers, delivery, request.task);
    if (verdict) this.#refusals.judged(request, verdict);
    else this.#letIn(request, delivery);
  }

  #verdictOn(headers: TaskHeaders, delivery: Delivery, task: TaskDefinition): Verdict | undefined {
    for (const judge of this.#policies.judges) {
      const verdict = judge(headers, delivery, task);
      if (verdict) return verdict;
    }
    return undefined;
  }

  #letIn(request: Request, delivery: Delivery): void {
    if (this.#parks(request, delivery)) return;
    this.#keep(request, delivery);
  }

  /** What is not to run at all is not parked: whoever waits for it hears so now. */
  #parks(request: Request, delivery: Delivery): boolean {
    const { parking } = this.#policies;
    if (!parking || this.#unwanted.has(request)) return false;
    return parking.take(request, isOver => {
      if (!isOver && !this.#isStopped) this.#keep(request, delivery);
    });
  }

  #keep(request: Request, delivery: Delivery): void {
    this.#state.requests.add(request);
    this.#ports.announcer.received(request, delivery.queue);
    if (this.#unwanted.discard(request)) return;
    const { successful } = this.#policies;
    if (successful && request.acksLate && delivery.redelivered) {
      void this.#admitUnlessDone(request, successful);
    } else {
      this.#admit(request, false);
    }
  }

  /** A message that was delivered before may be here still, or have ended here: it runs once. */
  #isKnown(request: Request, delivery: Delivery): boolean {
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
    return false;
  }

  /** The broker gave us the message once more while we have it, since it took us for gone. */
  #join(request: Request, delivery: Delivery): void {
    this.#logger.info(`Task ${request.label} received again; it is not started twice`, {
      task_id: request.id,
    });
    if (request.isAcknowledged) this.#refusals.settle(delivery.ack());
    else request.join(delivery);
  }

  async #admitUnlessDone(request: Request, successful: SuccessfulTasks): Promise<void> {
    const isDone = (await successful.has(request.id)) && (await this.#chordHears(request));
    if (this.#isStopped) return this.#state.requests.delete(request);
    // revoked while the store was asked
    if (this.#unwanted.discard(request)) return;
    if (!isDone) return this.#admit(request, true);
    this.#logger.info(`Task ${request.label} already completed successfully.`, {
      task_id: request.id,
    });
    this.#state.requests.delete(request);
    this.#refusals.settle(request.ack());
  }

  /** A run may have ended well without its chord hearing of that. False when it cannot be told now. */
  async #chordHears({ id, task, headers, delivery }: Request): Promise<boolean> {
    if (headers.group === null) return true;
    try {
      const end = await this.#execution.fetch?.(id);
      if (end) await tellStoredEnd(task, delivery, this.#execution, end);
      return true;
    } catch (error) {
      this.#logger.warning(`Task ${id} runs again: ${(error as Error).message}`, { task_id: id });
      return false;
    }
  }

  #admit(request: Request, isLate: boolean): void {
    const { eta } = request.headers;
    if (eta === null) this.#reserve(request, isLate);
    else this.#schedule(request, eta);
  }

  #reserve(request: Request, isLate: boolean): void {
    const { storedRevokes } = this.#policies;
    if (storedRevokes) void this.#reserveUnlessRevoked(request, storedRevokes);
    else this.#hand(request, isLate);
  }

  async #reserveUnlessRevoked(request: Request, stored: StoredRevokes): Promise<void> {
    await stored.learn(request.id);
    if (this.#isStopped) return this.#state.requests.delete(request);
    if (!this.#unwanted.discard(request)) this.#hand(request, true);
  }

  #hand(request: Request, isLate: boolean): void {
    if (this.#policies.rateLimits?.hold(request, isLate)) return;
    request.state = 'reserved';
    this.#ports.line.reserve(request);
    // from a timer there is no batch that ends with a pump
    if (isLate) this.#ports.line.pump();
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

  /** The broker would not keep the message when it came, and may be able to by now. */
  #parkLate(request: Request, eta: number): void {
    const isTried = this.#policies.parking?.take(request, isOver => {
      if (isOver) this.#state.requests.delete(request);
      // revoked while the broker was asked
      else if (!this.#isStopped && !this.#unwanted.discard(request)) this.#schedule(request, eta);
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
