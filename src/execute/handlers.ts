/** What a task, or an app, may want to hear of a run: types only, `hooks.ts` calls them. */
import type { TaskRequest } from './request.ts';

type Awaitable<T> = T | Promise<T>;

/** Handlers of a task; all of them optional. Celery: methods of the same names on `Task`. */
export interface TaskHandlers {
  /** Before the task's code runs. */
  beforeStart?(request: TaskRequest): Awaitable<void>;
  /** After the result was stored, so that it can be read by then. */
  onSuccess?(result: unknown, request: TaskRequest): Awaitable<void>;
  /** After the failure was stored, so that it can be read by then. */
  onFailure?(error: Error, request: TaskRequest, traceback: string): Awaitable<void>;
  /** After the next try was published. `error` is what made the task try again. */
  onRetry?(error: unknown, request: TaskRequest, traceback: string): Awaitable<void>;
  /** After success or failure, last. */
  afterReturn?(state: string, value: unknown, request: TaskRequest): Awaitable<void>;
}

/** The same moments for signals; given by the app. Undefined when nobody listens. */
export interface ExecutionSignals {
  prerun(request: TaskRequest): Promise<void> | undefined;
  postrun(request: TaskRequest, state: string, retval: unknown): Promise<void> | undefined;
  success(request: TaskRequest, result: unknown): Promise<void> | undefined;
  retry(request: TaskRequest, reason: Error): Promise<void> | undefined;
  failure(request: TaskRequest, error: Error, traceback: string): Promise<void> | undefined;
  internalError(task: string, id: string | undefined, error: Error): Promise<void> | undefined;
}
