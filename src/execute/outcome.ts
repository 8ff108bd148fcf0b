import type { SignatureData } from '../canvas/signature.ts';
import type { WireException } from '../wire/result-shapes.ts';
import type { Retry } from './errors.ts';

export type Outcome =
  | { readonly kind: 'success'; readonly value: unknown }
  | FailureOutcome
  | { readonly kind: 'retry'; readonly retry: Retry; readonly traceback: string }
  | { readonly kind: 'ignore'; readonly replacement?: SignatureData | undefined }
  | { readonly kind: 'reject'; readonly requeue: boolean; readonly reason: string };

export interface FailureOutcome {
  readonly kind: 'failure';
  readonly error: Error;
  readonly exception: WireException;
  readonly traceback: string;
  /** The error did not come from the task's own code. */
  readonly internal: boolean;
}

/**
 * What the worker needs to know of an outcome, to settle the message. Crosses processes, so it is
 * short.
 */
export interface TaskReply {
  readonly kind: Outcome['kind'];
  /** Seconds that the task's code took. */
  readonly runtime: number;
  /** Only for `reject`. */
  readonly requeue?: boolean;
  /** Only for `failure` and `reject`: what went wrong, shortened. */
  readonly error?: string;
  /** Only for a worker that sends events, so that others do not pay for texts. */
  readonly texts?: ReplyTexts;
  /** Only for `failure`: the message itself cannot be read, the task's code was not called. */
  readonly problem?: 'undecodable' | 'invalid' | 'disallowed';
}

/** What came out of a run, as people read it. */
export interface ReplyTexts {
  /** Of `success`, in Python's notation, shortened. */
  readonly result?: string;
  /** Of `failure` and `retry`: the error in Python's notation, shortened. */
  readonly exception?: string;
  readonly traceback?: string;
}
