/** Logging from inside tasks: each record says which task and which run it belongs to. */
import { types } from 'node:util';
import { isRecord } from '../../base/kind-of.ts';
import type { Logger, LogLevel } from '../../base/logger.ts';
import { processWide } from '../../base/process/process-wide.ts';
import type { TaskRequest } from '../request.ts';
import { logText } from './log-text.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** Celery's name of the logger that those of tasks descend from. */
const DEFAULT_NAME = 'celery.task';

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
  readonly #ownLog: () => Logger | undefined;

  /** @param ownLog where the records go that are written now; undefined: to the log of the process */
  constructor(
    name: string | undefined,
    fields: () => LogFields | undefined,
    ownLog: () => Logger | undefined = () => undefined,
  ) {
    this.#name = name ?? DEFAULT_NAME;
    this.#fields = fields;
    this.#ownLog = ownLog;
  }

  isEnabledFor(level: LogLevel): boolean {
    return this.#log()?.isEnabledFor(level) ?? PRINTED.has(level);
  }

  /**
   * Writes a record, put together as by `console`: `%s` and its kin are filled in, what is left over
   * follows, and objects are shown by their contents. The properties of an object that is the
   * only thing after a text are fields of the record too (`--log-format json`).
   */
  log(level: LogLevel, message: unknown, ...more: readonly unknown[]): void {
    if (!this.isEnabledFor(level)) return;
    const text =
      typeof message === 'string' && more.length === 0 ? message : logText(message, more);
    const log = this.#log();
    if (log === undefined) process.stderr.write(`${text}\n`);
    else log.log(level, text, { name: this.#name, ...this.#fields(), ...fieldsIn(more) });
  }

  #log(): Logger | undefined {
    return this.#ownLog() ?? sink.logger;
  }

  debug(message: unknown, ...more: readonly unknown[]): void {
    this.log('debug', message, ...more);
  }

  info(message: unknown, ...more: readonly unknown[]): void {
    this.log('info', message, ...more);
  }

  warning(message: unknown, ...more: readonly unknown[]): void {
    this.log('warning', message, ...more);
  }

  /** The same as `warning`, under the name that `console` has for it. */
  warn(message: unknown, ...more: readonly unknown[]): void {
    this.log('warning', message, ...more);
  }

  error(message: unknown, ...more: readonly unknown[]): void {
    this.log('error', message, ...more);
  }

  critical(message: unknown, ...more: readonly unknown[]): void {
    this.log('critical', message, ...more);
  }
}

function fieldsIn([first, ...others]: readonly unknown[]): LogFields | undefined {
  if (typeof first !== 'object' || first === null || others.length > 0) return undefined;
  return isRecord(first) && !types.isProxy(first) ? readable(first) : undefined;
}

/** Getters are code of others. */
function readable(record: object): LogFields | undefined {
  try {
    return { ...record };
  } catch {
    return undefined;
  }
}

/** Without a worker, as Python's logging without configuration. */
const PRINTED: ReadonlySet<LogLevel> = new Set(['warning', 'error', 'critical']);
