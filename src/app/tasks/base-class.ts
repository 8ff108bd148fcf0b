import type { TaskHandlers } from '../../execute/handlers.ts';
import type { TaskRequest } from '../../execute/request.ts';
import type { TaskOptions } from '../options/task-options.ts';

/**
 * Base of classes with handlers, for the option `base`, and of tasks written as a class.
 * Members named like an option of tasks are that option (`queue = 'hipri'`, `acksLate = true`).
 * Celery: `Task`. Handlers may be async; what they throw fails the task.
 */
export abstract class TaskBase implements TaskHandlers {
  beforeStart?(request: TaskRequest): void | Promise<void>;
  onSuccess?(result: unknown, request: TaskRequest): void | Promise<void>;
  onFailure?(error: Error, request: TaskRequest, traceback: string): void | Promise<void>;
  onRetry?(error: unknown, request: TaskRequest, traceback: string): void | Promise<void>;
  afterReturn?(state: string, value: unknown, request: TaskRequest): void | Promise<void>;
}

/** A task as a class: a name, its options, and `run`. Register it with `app.registerTask`. */
export abstract class ClassTask<A extends unknown[] = unknown[], R = unknown> extends TaskBase {
  abstract readonly name: string;
  /** Options; members of the class count too, and these win over them. */
  readonly options?: TaskOptions;
  abstract run(...args: A): R | Promise<R>;
}
