/** Logging from inside tasks: each record says which task and which run it belongs to. */
import type { Logger, LogLevel } from '../base/logger.ts';
import { processWide } from '../base/process-wide.ts';
import type { TaskRequest } from './request.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** Celery's name of the logger that those of tasks descend from. */
const DEFAULT_NAME = 'celery.task';

/** Where records of tasks go in this process. */
const sink = processWide('task-log', () => ({ logger: undefined as Logger | undefined }));

/** From now on records of tasks go to `logger`; undefined: warnings and worse to stderr. */
export function setTaskLog(logger: Logger | undefined): void {
  sink.logger = logger;
}

/** What records of a run carry; the same words as in Celery's log patterns. */
export function taskFields({ task, id }: Pick<TaskRequest, 'task' | 'id'>): LogFields {
  return { task_name: task, task_id: id };
}

export class TaskLogger implements Logger {
  readonly #name: string;
  readonly #fields: () => LogFields | undefined;

  constructor(name: string | undefined, fields: () => LogFields | undefined) {
    this.#name = name ?? DEFAULT_NAME;
    this.#fields = fields;
  }

  isEnabledFor(level: LogLevel): boolean {
    return sink.logger?.isEnabledFor(level) ?? PRINTED.has(level);
  }

  log(level: LogLevel, message: string, fields?: LogFields): void {
    if (sink.logger === undefined) {
      if (PRINTED.has(level)) process.stderr.write(`${message}\n`);
    } else if (sink.logger.isEnabledFor(level)) {
      sink.logger.log(level, message, { name: this.#name, ...this.#fields(), ...fields });
    }
  }

  debug(message: string, fields?: LogFields): void {
    this.log('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.log('info', message, fields);
  }

  warning(message: string, fields?: LogFields): void {
    this.log('warning', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.log('error', message, fields);
  }

  critical(message: string, fields?: LogFields): void {
    this.log('critical', message, fields);
  }
}

/** Without a worker, as Python's logging without configuration. */
const PRINTED: ReadonlySet<LogLevel> = new Set(['warning', 'error', 'critical']);
