/** Settles the messages of requests that ended: with an answer of the task's own, or without one. */
import type { Logger } from '../../base/logger.ts';
import type { TaskReply } from '../../execute/outcome.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { cancelTask, failTask, tellStoredEnd } from '../../execute/run/settle-lost.ts';
import { storedEnd } from '../../execute/run/stored-reply.ts';
import { type PoolError, Terminated, TimeLimitExceeded } from '../../pool/errors.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import type { Announcer } from '../announcer.ts';
import type { Request } from '../request.ts';

export interface EndingsPorts {
  terminated(request: Request, signal: string): Promise<void>;
  /** A run ended, and the broker may not know. */
  onAckLost(request: Request, reply: TaskReply): void;
}

export class Endings {
  readonly #execution: ExecutionPorts;
  readonly #logger: Logger;
  readonly #announcer: Announcer;
  readonly #ports: EndingsPorts;

  constructor(execution: ExecutionPorts, announcer: Announcer, ports: EndingsPorts) {
    this.#execution = execution;
    this.#logger = execution.logger;
    this.#announcer = announcer;
    this.#ports = ports;
  }

  answered(request: Request, reply: TaskReply): void {
    this.#announcer.answered(request, reply);
    const settled = request.settle(reply);
    if (settled) this.tell(settled, request, reply);
  }

  /** What ran it ended without an answer, which may be in the store all the same. */
  lost(request: Request, error: PoolError): void {
    const { clock, fetch } = this.#execution;
    const since = request.startedAt;
    if (fetch && since && !(error instanceof Terminated)) {
      void this.#answeredOrNot(request, error, { clock, fetch, since });
    } else {
      this.#unanswered(request, error);
    }
  }

  async #answeredOrNot(
    request: Request,
    error: PoolError,
    { since, ...store }: Parameters<typeof storedEnd>[2] & { since: number },
  ): Promise<void> {
    const end = await storedEnd(request.task, { id: request.id, since }, store);
    if (!end || !(await this.#hasTold(request, end.meta))) return this.#unanswered(request, error);
    this.#logger.info(`Task ${request.label} had ended before its process did`, {
      task_id: request.id,
    });
    this.answered(request, end.reply);
  }

  async #hasTold(request: Request, end: ResultMeta): Promise<boolean> {
    try {
      await tellStoredEnd(request.task, request.delivery, this.#execution, end);
      return true;
    } catch (error) {
      this.#logger.error(`${request.label}: ${(error as Error).message}`);
      return false;
    }
  }

  #unanswered(request: Request, error: PoolError): void {
    this.#announcer.lost(request, error);
    this.tell(this.#settleLost(request, error), request, replyFor(request, error));
  }

  /** @param reply how the run ended, when the message is settled because it did */
  tell(settled: Promise<unknown>, request: Request, reply?: TaskReply): void {
    settled.then(
      () => {
        if (reply && request.acksLate && request.delivery.unheard) {
          this.#ports.onAckLost(request, reply);
        }
      },
      error => {
        if (reply && request.acksLate) this.#ports.onAckLost(request, reply);
        // the run itself is over, with whatever result it has
        this.#logger.warning(
          `Couldn't settle ${request.label}, reason: ${(error as Error).message} It may run once more.`,
          { task_id: request.id },
        );
      },
    );
  }

  #settleLost(request: Request, error: PoolError): Promise<void> {
    if (!(error instanceof Terminated)) return this.#fail(request, error);
    if (request.terminatedBy) return this.#ports.terminated(request, request.terminatedBy);
    return request.isCancelled ? this.#giveBack(request) : this.#fail(request, error);
  }

  async #giveBack(request: Request): Promise<void> {
    await cancelTask(request.task, request.delivery, this.#execution).catch(error => {
      this.#logger.error(`${request.label}: ${(error as Error).message}`);
    });
    await request.requeue({ counted: false });
  }

  async #fail(request: Request, error: PoolError): Promise<void> {
    const timedOut = error instanceof TimeLimitExceeded;
    const isPutBack = request.requeuesWhenLost && !timedOut;
    if (isPutBack) this.#announcer.putBack(request, error);
    else this.#announcer.gaveUp(request, error);
    if (timedOut) this.#announcer.timedOut(request, false, error.limit);
    if (!isPutBack) {
      await failTask(request.task, request.delivery, this.#execution, error);
    }
    await (timedOut ? request.settleTimeout() : request.settleLost(exceptionRepr(error)));
  }
}

/** Settles a message as it was settled after the run had no answer. */
function replyFor(request: Request, error: PoolError): TaskReply {
  const acks = error instanceof TimeLimitExceeded || request.terminatedBy !== undefined;
  return { kind: acks ? 'ignore' : 'failure', runtime: 0, error: exceptionRepr(error) };
}
