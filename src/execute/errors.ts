import { CeleryError } from '../base/errors.ts';
import { saferepr, textOf } from '../base/text/saferepr.ts';
import type { SignatureData } from '../canvas/signature.ts';
import { exceptionRepr } from '../wire/results/exception.ts';

/** What a thrown value asks for; other than `code` nobody has it by chance. */
export const PREDICATE: unique symbol = Symbol.for('tscelery.predicate');

/** Base of what task code throws to say how it wants to end: control flow, not failure. */
export abstract class TaskPredicate extends CeleryError {
  abstract readonly [PREDICATE]: 'retry' | 'ignore' | 'reject';
}

/** What a thrown value asks for, when it is ours, of any copy of the library. Never throws. */
export function predicateOf(thrown: unknown): Retry | Ignore | Reject | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  try {
    const kind: unknown = (thrown as Partial<TaskPredicate>)[PREDICATE];
    return KINDS.has(kind) ? (thrown as Retry | Ignore | Reject) : undefined;
  } catch {
    return undefined;
  }
}

const KINDS: ReadonlySet<unknown> = new Set(['retry', 'ignore', 'reject']);

/** What `self.retry` decided; the pipeline publishes it. */
export interface RetryPlan {
  /** Earliest start: seconds since the epoch, or null for at once. */
  readonly eta: number | null;
  /** Seconds since the epoch or ISO 8601; undefined keeps that of this try. */
  readonly expires: number | string | undefined;
  readonly args: readonly unknown[] | undefined;
  readonly kwargs: Readonly<Record<string, unknown>> | undefined;
  readonly options: RetryPublishOptions;
}

/** What may be different in the next try; everything else stays as it was sent. */
export interface RetryPublishOptions {
  /** Default: the queue that this try came from. */
  readonly queue?: string;
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly serializer?: string;
  readonly compression?: string;
  /** Name to show instead of the task's. */
  readonly shadow?: string;
  readonly priority?: number;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly timeLimit?: number;
  readonly softTimeLimit?: number;
}

/** The task wants to run again later. Made by `self.retry`; throw it. Celery: `Retry`. */
export class Retry extends TaskPredicate {
  readonly code = 'RETRY';
  /** The error that made the task try again, stored as the result of state RETRY. */
  readonly exc: unknown;
  /** Countdown in seconds, or the moment (Date) of the next try. */
  readonly when: number | Date;
  readonly plan: RetryPlan;

  get [PREDICATE]() {
    return 'retry' as const;
  }

  /** @throws TypeError for anything but what `self.retry` gives */
  constructor(exc: unknown, when: number | Date, plan: RetryPlan) {
    if (!isMoment(when) || typeof plan !== 'object' || plan === null) {
      throw new TypeError(
        `A Retry is made by self.retry: throw self.retry({ exc, countdown }); got ${saferepr([exc, when, plan])}`,
      );
    }
    const reason = exc === undefined ? '' : `: ${exceptionRepr(exc)}`;
    super(
      typeof when === 'object'
        ? `Retry at ${when.toISOString()}${reason}`
        : `Retry in ${Math.round(when * 1000) / 1000}s${reason}`,
      { cause: exc },
    );
    this.exc = exc;
    this.when = when;
    this.plan = plan;
  }
}

function isMoment(when: unknown): when is number | Date {
  return typeof when === 'number' || (when instanceof Date && !Number.isNaN(when.getTime()));
}

/** Forget about this run: no state is stored, no callback is called. Celery: `Ignore`. */
export class Ignore extends TaskPredicate {
  readonly code = 'IGNORE';
  /** What runs in the place of the task: made by `self.replace`. */
  replacement?: SignatureData;

  /** @internal */
  static replacedBy(signature: SignatureData): Ignore {
    const ignore = new Ignore(`Replaced by ${signature.task}.`);
    ignore.replacement = signature;
    return ignore;
  }

  get [PREDICATE]() {
    return 'ignore' as const;
  }
}

/**
 * Refuse the message. Has a meaning only with late acks: an early ack has settled it.
 * Celery: `Reject`.
 */
export class Reject extends TaskPredicate {
  readonly code = 'REJECT';
  readonly reason: unknown;
  readonly requeue: boolean;

  get [PREDICATE]() {
    return 'reject' as const;
  }

  /** @param requeue put the message back in its queue; otherwise it is dropped or dead-lettered */
  constructor(reason?: unknown, requeue = false) {
    // an object here would mean yes, and the message would go round and round
    if (typeof requeue !== 'boolean') {
      throw new TypeError(`Reject's requeue must be true or false, got ${saferepr(requeue)}`);
    }
    super(`reject requeue=${requeue ? 'True' : 'False'}: ${textOf(reason ?? '')}`);
    this.reason = reason;
    this.requeue = requeue;
  }

  override get args() {
    return [this.reason ?? null, this.requeue];
  }
}

/** The task may not try again. Celery: `MaxRetriesExceededError`. */
export class MaxRetriesExceededError extends CeleryError {
  readonly code = 'MAX_RETRIES';
  readonly taskId: string;
  readonly taskArgs: readonly unknown[];
  readonly taskKwargs: Readonly<Record<string, unknown>>;

  constructor(
    message?: string,
    task?: { id: string; args: readonly unknown[]; kwargs: Readonly<Record<string, unknown>> },
  ) {
    super(message);
    this.taskId = task?.id ?? '';
    this.taskArgs = task?.args ?? [];
    this.taskKwargs = task?.kwargs ?? {};
  }
}

/** The body of a chord will not run, because a part of its header failed. Celery: `ChordError`. */
export class ChordError extends CeleryError {
  readonly code = 'CHORD';
}
