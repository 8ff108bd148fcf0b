/**
 * Messages that are never run here, and what is said and done about them: those that cannot be
 * read, are no tasks, have content that is not accepted, or name a task that nobody registered.
 */
import { NotRegistered } from '../app/errors.ts';
import type { Signals } from '../app/signals.ts';
import type { Logger } from '../base/logger.ts';
import { saferepr } from '../base/saferepr.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import { failTask } from '../execute/run-task.ts';
import type { Delivery } from '../messaging/contract.ts';
import { ContentDisallowed, DecodeError, InvalidTaskError } from '../wire/errors.ts';
import { bodyBytes } from '../wire/message.ts';
import type { TaskHeaders } from '../wire/task-message.ts';
import { missingTask } from './missing-task.ts';
import type { UnknownTasks } from './unknown-tasks.ts';

/** Longest part of a body that is quoted in the log, as in Celery. */
const LOGGED_BODY_BYTES = 1024;

export class Refusals {
  readonly #execution: ExecutionPorts;
  readonly #logger: Logger;
  readonly #signals: Signals;
  readonly #unknown: UnknownTasks | undefined;

  /** @param unknown keeps messages for tasks that are unknown here; without it they are discarded */
  constructor(execution: ExecutionPorts, signals: Signals, unknown: UnknownTasks | undefined) {
    this.#execution = execution;
    this.#logger = execution.logger;
    this.#signals = signals;
    this.#unknown = unknown;
  }

  /** The headers cannot be read. @throws errors that are none of decoding or validation */
  unreadable(delivery: Delivery, error: unknown): void {
    if (error instanceof DecodeError) this.#dropUndecodable(delivery, error);
    else if (error instanceof InvalidTaskError) this.#rejectInvalid(delivery, error);
    else throw error;
  }

  noTask(delivery: Delivery): void {
    this.#logger.warning(
      `Received and deleted unknown message.  Wrong destination?!?\n\nThe full contents of the message body was: ${describeBody(delivery)}`,
      { queue: delivery.queue },
    );
    this.#reject(delivery, new InvalidTaskError('The message is no task.'));
  }

  disallowedContent(delivery: Delivery): void {
    const { contentType } = delivery.message;
    const allowed = [...this.#execution.accept].join(', ');
    const error = new ContentDisallowed(
      `Refusing to deserialize disabled content of type ${contentType} (accept_content allows ${allowed})`,
    );
    this.#rejectInvalid(delivery, error);
  }

  unregistered(delivery: Delivery, headers: TaskHeaders): void {
    const { task, id } = headers;
    const { queue, message } = delivery;
    const reason = new NotRegistered(task);
    const event = { task, id, queue, headers: message.headers, reason };
    void this.#signals.taskUnknown.send(this.#execution.hostname, event);
    if (this.#unknown) this.#keepUnregistered(delivery, headers, this.#unknown);
    else this.#discardUnregistered(delivery, headers, reason);
  }

  /** Settling survives reconnects by itself; what fails here is beyond repair and only told. */
  settle(settled: Promise<unknown>): void {
    settled.catch(error => {
      this.#logger.error(`Couldn't settle a message: ${(error as Error).message}`);
    });
  }

  #dropUndecodable(delivery: Delivery, error: DecodeError): void {
    const { contentType, contentEncoding, headers } = delivery.message;
    this.#logger.critical(
      `Can't decode message body: ${error.message} [type:${contentType} encoding:${contentEncoding} headers:${saferepr(headers)}]\n\nbody: ${describeBody(delivery)}`,
      { queue: delivery.queue },
    );
    this.settle(delivery.ack());
  }

  #rejectInvalid(delivery: Delivery, error: Error): void {
    this.#logger.error(
      `Received invalid task message: ${error.message}\nThe message has been ignored and discarded.\n\nThe full contents of the message body was: ${describeBody(delivery)}`,
      { queue: delivery.queue },
    );
    this.#reject(delivery, error);
  }

  #reject(delivery: Delivery, reason: Error): void {
    const { queue, message } = delivery;
    const event = { queue, headers: message.headers, reason };
    void this.#signals.taskRejected.send(this.#execution.hostname, event);
    this.settle(delivery.reject(false));
  }

  #keepUnregistered(delivery: Delivery, headers: TaskHeaders, unknown: UnknownTasks): void {
    this.#logger.error(
      `Received unregistered task of type '${headers.task}'.\nThe message goes back to its queue for a worker that knows it.`,
      { task: headers.task, task_id: headers.id, queue: delivery.queue },
    );
    unknown.hold(delivery);
  }

  #discardUnregistered(delivery: Delivery, headers: TaskHeaders, error: NotRegistered): void {
    this.#logger.error(
      `Received unregistered task of type '${headers.task}'.\nThe message has been ignored and discarded.\n\nDid you remember to import the module containing this task?\nOr maybe you are using relative imports?\n\nThe full contents of the message body was:\n${describeBody(delivery)}\n\nThe full contents of the message headers:\n${saferepr(delivery.message.headers)}`,
      { task: headers.task, task_id: headers.id, queue: delivery.queue },
    );
    const stored = failTask(missingTask(headers.task), delivery, this.#execution, error);
    this.settle(stored.then(() => delivery.reject(false)));
  }
}

function describeBody(delivery: Delivery): string {
  const bytes = bodyBytes(delivery.message);
  const shown = bytes.subarray(0, LOGGED_BODY_BYTES);
  return `${saferepr(shown, { maxLength: 4 * LOGGED_BODY_BYTES })} (${bytes.length}b)`;
}
