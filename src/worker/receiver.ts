/**
 * Decides what becomes of a delivery: a request for the pool, a timer, or the reasons for
 * which a message is never run. Reads headers only.
 */

import { NotRegistered, TaskRevokedError } from '../app/errors.ts';
import type { TaskDefinition } from '../app/task-definition.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { saferepr } from '../base/saferepr.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import { failTask, revokeTask } from '../execute/run-task.ts';
import type { Delivery } from '../messaging/contract.ts';
import { ContentDisallowed, DecodeError, InvalidTaskError } from '../wire/errors.ts';
import { bodyBytes } from '../wire/message.ts';
import { isTaskMessage, readTaskHeaders, type TaskHeaders } from '../wire/task-message.ts';
import { missingTask } from './missing-task.ts';
import { Request } from './request.ts';
import type { WorkerState } from './worker-state.ts';

export interface ReceiverPorts {
  task(name: string): TaskDefinition | undefined;
  /** The request may go to the pool. */
  reserve(request: Request): void;
  /** The number of requests that wait for their time has changed. */
  onScheduled(count: number): void;
}

/** Longest part of a body that is quoted in the log, as in Celery. */
const LOGGED_BODY_BYTES = 1024;

export class Receiver {
  readonly #state: WorkerState;
  readonly #ports: ReceiverPorts;
  readonly #execution: ExecutionPorts;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #timers = new Map<Request, Timer>();

  constructor(state: WorkerState, ports: ReceiverPorts, execution: ExecutionPorts) {
    this.#state = state;
    this.#ports = ports;
    this.#execution = execution;
    this.#logger = execution.logger;
    this.#clock = execution.clock;
  }

  get scheduled(): number {
    return this.#timers.size;
  }

  receive(delivery: Delivery): void {
    const headers = this.#readHeaders(delivery);
    if (!headers) return;
    const task = this.#ports.task(headers.task);
    if (!task || task.isRemote) this.#rejectUnregistered(delivery, headers);
    else if (!this.#execution.accept.has(delivery.message.contentType)) this.#refuse(delivery);
    else this.#accept(new Request(delivery, headers, task));
  }

  /** Forget what waits for its time; the messages stay with the broker. */
  cancelScheduled(): void {
    for (const [request, timer] of this.#timers) {
      timer.cancel();
      this.#state.requests.delete(request);
    }
    this.#timers.clear();
  }

  /** Whether the request expired; then it is settled and its state stored. */
  discardExpired(request: Request): boolean {
    if (!request.isExpired(this.#clock.now())) return false;
    request.state = 'done';
    this.#state.requests.delete(request);
    this.#logger.info(`Discarding revoked task: ${request.label}`, { task_id: request.id });
    this.#settle(this.#discard(request));
    return true;
  }

  async #discard(request: Request): Promise<void> {
    const error = new TaskRevokedError('expired');
    await revokeTask(request.task, request.delivery, this.#execution, error);
    await request.delivery.ack();
  }

  #readHeaders(delivery: Delivery): TaskHeaders | undefined {
    if (delivery.problem) {
      this.#dropUndecodable(delivery, delivery.problem);
      return undefined;
    }
    try {
      const { accept } = this.#execution;
      if (isTaskMessage(delivery.message, accept)) return readTaskHeaders(delivery.message, accept);
      this.#rejectUnknown(delivery);
    } catch (error) {
      if (error instanceof DecodeError) this.#dropUndecodable(delivery, error);
      else if (error instanceof InvalidTaskError) this.#rejectInvalid(delivery, error);
      else throw error;
    }
    return undefined;
  }

  #accept(request: Request): void {
    this.#state.requests.add(request);
    if (this.#logger.isEnabledFor('info')) {
      this.#logger.info(`Task ${request.label} received`, {
        task: request.headers.task,
        task_id: request.id,
      });
    }
    if (this.discardExpired(request)) return;
    const { eta } = request.headers;
    if (eta === null) this.#ports.reserve(request);
    else this.#schedule(request, eta);
  }

  #schedule(request: Request, eta: number): void {
    request.state = 'scheduled';
    const timer = this.#clock.after(eta - this.#clock.now(), () => {
      this.#timers.delete(request);
      request.state = 'reserved';
      this.#ports.reserve(request);
      this.#ports.onScheduled(this.#timers.size);
    });
    this.#timers.set(request, timer);
    this.#ports.onScheduled(this.#timers.size);
  }

  #dropUndecodable(delivery: Delivery, error: DecodeError): void {
    const { contentType, contentEncoding, headers } = delivery.message;
    this.#logger.critical(
      `Can't decode message body: ${error.message} [type:${contentType} encoding:${contentEncoding} headers:${saferepr(headers)}]\n\nbody: ${describeBody(delivery)}`,
      { queue: delivery.queue },
    );
    this.#settle(delivery.ack());
  }

  #rejectUnknown(delivery: Delivery): void {
    this.#logger.warning(
      `Received and deleted unknown message.  Wrong destination?!?\n\nThe full contents of the message body was: ${describeBody(delivery)}`,
      { queue: delivery.queue },
    );
    this.#settle(delivery.reject(false));
  }

  #refuse(delivery: Delivery): void {
    const { contentType } = delivery.message;
    const allowed = [...this.#execution.accept].join(', ');
    const error = new ContentDisallowed(
      `Refusing to deserialize disabled content of type ${contentType} (accept_content allows ${allowed})`,
    );
    this.#rejectInvalid(delivery, error);
  }

  #rejectInvalid(delivery: Delivery, error: Error): void {
    this.#logger.error(
      `Received invalid task message: ${error.message}\nThe message has been ignored and discarded.\n\nThe full contents of the message body was: ${describeBody(delivery)}`,
      { queue: delivery.queue },
    );
    this.#settle(delivery.reject(false));
  }

  #rejectUnregistered(delivery: Delivery, headers: TaskHeaders): void {
    this.#logger.error(
      `Received unregistered task of type '${headers.task}'.\nThe message has been ignored and discarded.\n\nDid you remember to import the module containing this task?\nOr maybe you are using relative imports?\n\nThe full contents of the message body was:\n${describeBody(delivery)}\n\nThe full contents of the message headers:\n${saferepr(delivery.message.headers)}`,
      { task: headers.task, task_id: headers.id, queue: delivery.queue },
    );
    const error = new NotRegistered(headers.task);
    const stored = failTask(missingTask(headers.task), delivery, this.#execution, error);
    this.#settle(stored.then(() => delivery.reject(false)));
  }

  /** Settling survives reconnects by itself; what fails here is beyond repair and only told. */
  #settle(settled: Promise<unknown>): void {
    settled.catch(error => {
      this.#logger.error(`Couldn't settle a message: ${(error as Error).message}`);
    });
  }
}

function describeBody(delivery: Delivery): string {
  const bytes = bodyBytes(delivery.message);
  const shown = bytes.subarray(0, LOGGED_BODY_BYTES);
  return `${saferepr(shown, { maxLength: 4 * LOGGED_BODY_BYTES })} (${bytes.length}b)`;
}
