/** Spans around what an app sends and runs, for those who know nothing of OpenTelemetry. */
import type { Headers } from '../wire/messages/message.ts';

/** A message that is about to be sent. */
export interface SentTask {
  readonly task: string;
  readonly id: string;
  /** Get the context of the span. */
  readonly headers: Headers;
  readonly exchange: string;
  readonly exchangeType: string;
  readonly routingKey: string;
}

/** A message that came, before anything of it is decoded. */
export interface CameTask {
  readonly task: string;
  readonly headers: Headers;
  /** It came from no broker: who runs it is who called it. */
  readonly isEager: boolean;
}

/** What a run knows of its request; null and the empty text are left out. */
export interface RunRequest {
  readonly id: string;
  readonly correlationId: string | null;
  readonly replyTo: string | null;
  readonly retries: number;
  /** As written in the message. */
  readonly eta: string | null;
  readonly expires: string | null;
  readonly timelimit: readonly [number | null, number | null];
  readonly compression: string | null;
  /** Node name of who sent it. */
  readonly origin: string | null;
  /** Node name of the worker. */
  readonly hostname: string | null;
  readonly deliveryInfo: { readonly routing_key: string };
}

/** How a run ended. */
export interface RunEnd {
  /** Undefined when the message could not be read. */
  readonly request: RunRequest | undefined;
  /** Celery's word: `SUCCESS`, `RETRY`, …; undefined when nobody can say. */
  readonly state: string | undefined;
  /** What went wrong, unless the task announced it (`throws`). */
  readonly error?: { readonly name: string; readonly message: string; readonly stack: string };
  /** Why it runs again. */
  readonly retryReason?: string;
}

/**
 * One object for each app with `task_tracing`. What goes wrong with a span is reported once and
 * stops nothing: what `send`, `execute` and their kin do is done, and only once, whatever happens.
 */
export interface Tracing {
  /** Whether an SDK is there for what is traced. */
  readonly isHeard: boolean;
  /** Calls `send` in a producer span, which the headers name from then on. */
  publish(sent: SentTask, send: () => Promise<void>): Promise<void>;
  /** A worker has taken a message; call what is returned when it is handed on, or never will be. */
  receive(came: CameTask): () => void;
  /**
   * Calls `execute` in a consumer span below the one that the headers name.
   *
   * @param ended asked only when somebody wants to know
   */
  run<T>(came: CameTask, execute: () => Promise<T>, ended: (result: T) => RunEnd): Promise<T>;
}
