/**
 * Messages that are never run here, and what is said and done about them: those that cannot be
 * read, are no tasks, have content that is not accepted, or name a task that nobody registered.
 */

import { NotRegistered } from '../../app/tasks/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { printable } from '../../base/text/printable.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { failTask } from '../../execute/run/settle-lost.ts';
import type { Delivery } from '../../messaging/contract.ts';
import { ContentDisallowed, DecodeError, InvalidTaskError } from '../../wire/errors.ts';
import type { WorkerReason } from '../../wire/messages/dead-letter.ts';
import { bodyBytes } from '../../wire/messages/message.ts';
import { headersWithoutDates, type TaskHeaders } from '../../wire/messages/task-message.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { Announcer } from '../announcer.ts';
import { missingTask } from '../child/missing-task.ts';
import type { DeadLetters, Refusal } from '../dead-letters.ts';
import type { Request } from '../request.ts';
import type { Verdict } from './judge.ts';
import type { UnknownTasks } from './unknown-tasks.ts';

/** Longest part of a body that is quoted in the log, as in Celery. */
const LOGGED_BODY_BYTES = 1024;

export interface Keepers {
  /** Keeps messages for tasks that are unknown here; without it they are given up. */
  readonly unknown?: UnknownTasks | undefined;
  /** Keeps what is given up; without it the broker drops (or dead-letters) it. */
  readonly deadLetters?: DeadLetters | undefined;
}

export class Refusals {
  readonly #execution: ExecutionPorts;
  readonly #logger: Logger;
  readonly #announcer: Announcer;
  readonly #keepers: Keepers;
  /** What the log says becomes of a message that is given up. */
  readonly #fate: string;

  constructor(execution: ExecutionPorts, announcer: Announcer, keepers: Keepers = {}) {
    this.#execution = execution;
    this.#logger = execution.logger;
    this.#announcer = announcer;
    this.#keepers = keepers;
    this.#fate = keepers.deadLetters
      ? 'The message goes to the dead-letter queue.'
      : 'The message has been ignored and discarded.';
  }

  /** The headers cannot be read. @throws errors that are none of decoding or validation */
  unreadable(delivery: Delivery, error: unknown): void {
    if (error instanceof DecodeError) this.#dropUndecodable(delivery, error);
    else if (error instanceof InvalidTaskError) this.#failInvalid(delivery, error);
    else throw error;
  }

  judged(request: Request, { reason, error }: Verdict): void {
    const { delivery, id, label, task } = request;
    this.#logger.error(`Giving up ${label}: ${printable(error.message)}`, { task_id: id });
    const stored = failTask(task, delivery, this.#execution, error);
    const why = { reason, error: exceptionRepr(error) };
    this.settle(stored.then(() => this.giveUp(delivery, why)));
  }

  noTask(delivery: Delivery): void {
    this.#logger.warning(
      `Received and deleted unknown message.  Wrong destination?!?\n\nThe full contents of the message body was: ${printable(describeBody(delivery))}`,
      { queue: delivery.queue },
    );
    this.#reject(delivery, new InvalidTaskError('The message is no task.'), 'no_task');
  }

  disallowedContent(delivery: Delivery): void {
    const { contentType } = delivery.message;
    const allowed = [...this.#execution.accept].join(', ');
    const error = new ContentDisallowed(
      `Refusing to deserialize disabled content of type ${contentType} (accept_content allows ${allowed})`,
    );
    this.#rejectInvalid(delivery, error, 'disallowed');
  }

  unregistered(delivery: Delivery, headers: TaskHeaders): void {
    const reason = new NotRegistered(headers.task);
    this.#announcer.unknown(delivery, headers, reason);
    const { unknown } = this.#keepers;
    if (unknown) this.#keepUnregistered(delivery, headers, unknown);
    else this.#discardUnregistered(delivery, headers, reason);
  }

  /** The message is not wanted any more: by whoever keeps such messages, or by nobody. */
  giveUp(delivery: Delivery, why: Refusal): Promise<void> {
    return this.#keepers.deadLetters?.bury(delivery, why) ?? delivery.reject(false);
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
      `Can't decode message body: ${printable(`${error.message} [type:${contentType} encoding:${contentEncoding} headers:${saferepr(headers)}]`)}\n\nbody: ${printable(describeBody(delivery))}`,
      { queue: delivery.queue },
    );
    const { deadLetters } = this.#keepers;
    const why = { reason: 'undecodable', error: exceptionRepr(error) } as const;
    // Celery acknowledges what it cannot read
    this.settle(deadLetters ? deadLetters.bury(delivery, why) : delivery.ack());
  }

  /** Whoever waits for a task with dates that cannot be read is told so. */
  #failInvalid(delivery: Delivery, error: InvalidTaskError): void {
    const headers = headersWithoutDates(delivery.message, this.#execution.accept);
    const reject = () => this.#rejectInvalid(delivery, error, 'invalid');
    if (!headers) {
      reject();
      return;
    }
    const { message, exchange, routingKey, redelivered } = delivery;
    const source = { message, exchange, routingKey, redelivered, headers };
    const stored = failTask(missingTask(headers.task), source, this.#execution, error);
    this.settle(stored.then(reject));
  }

  #rejectInvalid(delivery: Delivery, error: Error, reason: WorkerReason): void {
    this.#logger.error(
      `Received invalid task message: ${printable(error.message)}\n${this.#fate}\n\nThe full contents of the message body was: ${printable(describeBody(delivery))}`,
      { queue: delivery.queue },
    );
    this.#reject(delivery, error, reason);
  }

  #reject(delivery: Delivery, error: Error, reason: WorkerReason): void {
    this.#announcer.refused(delivery, error);
    this.settle(this.giveUp(delivery, { reason, error: exceptionRepr(error) }));
  }

  #keepUnregistered(delivery: Delivery, headers: TaskHeaders, unknown: UnknownTasks): void {
    this.#logger.error(
      `Received unregistered task of type '${printable(headers.task)}'.\nThe message goes back to its queue for a worker that knows it.`,
      { task: headers.task, task_id: headers.id, queue: delivery.queue },
    );
    unknown.hold(delivery);
  }

  #discardUnregistered(delivery: Delivery, headers: TaskHeaders, error: NotRegistered): void {
    this.#logger.error(
      `Received unregistered task of type '${printable(headers.task)}'.\n${this.#fate}\n\nDid you remember to import the module containing this task?\nOr maybe you are using relative imports?\n\nThe full contents of the message body was:\n${printable(describeBody(delivery))}\n\nThe full contents of the message headers:\n${printable(saferepr(delivery.message.headers))}`,
      { task: headers.task, task_id: headers.id, queue: delivery.queue },
    );
    const stored = failTask(missingTask(headers.task), delivery, this.#execution, error);
    const why = { reason: 'unregistered', error: exceptionRepr(error) } as const;
    this.settle(stored.then(() => this.giveUp(delivery, why)));
  }
}

function describeBody(delivery: Delivery): string {
  const bytes = bodyBytes(delivery.message);
  const shown = bytes.subarray(0, LOGGED_BODY_BYTES);
  return `${saferepr(shown, { maxLength: 4 * LOGGED_BODY_BYTES })} (${bytes.length}b)`;
}
