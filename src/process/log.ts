/**
 * The log of one process: Celery's text lines or pino's JSON, to stderr or a file.
 *
 * Every line is written before the call returns, so that nothing is lost when the process
 * exits or is killed.
 */
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { Chalk } from 'chalk';
import type { DestinationStream, pino as Pino } from 'pino';
import sonicBoom, { type SonicBoom } from 'sonic-boom';
import { ImproperlyConfigured } from '../base/errors.ts';
import type { Logger, LogLevel } from '../base/logger.ts';
import {
  compilePattern,
  DEFAULT_PATTERN,
  DEFAULT_TASK_PATTERN,
  LEVEL_NAMES,
} from './log-format.ts';
import { lineGuard } from './log-guard.ts';
import { PRINTS } from './redirect-output.ts';

/** Structured-clonable: a worker hands it to its children. */
export interface LogConfig {
  readonly level: LogLevel;
  /** Appended to; `%` letters already expanded. Without it lines go to stderr. */
  readonly file?: string | undefined;
  readonly format: 'text' | 'json';
  /** Text format only; Celery's `worker_log_format`. */
  readonly pattern?: string | undefined;
  /** The same for records of tasks; Celery's `worker_task_log_format`. */
  readonly taskPattern?: string | undefined;
  /** Without it: colours when the lines go to a terminal. */
  readonly color?: boolean | undefined;
  /** `MainProcess`, `ForkPoolWorker-1`, … */
  readonly processName: string;
}

export interface ProcessLogger extends Logger {
  /** For records of tasks, which have the fields `task_name` and `task_id`. */
  readonly tasks: Logger;
  /** Open the file again by name, after something moved it away. */
  reopen(): void;
  /** Idempotent; lines logged later are dropped. */
  close(): void;
}

/** Python's numbers, so that JSON lines of both languages sort alike; pino wants names too. */
const LEVELS: Readonly<Record<LogLevel, number>> = {
  debug: 10,
  info: 20,
  warning: 30,
  error: 40,
  critical: 50,
};
const FILE_MODE = 0o640;
const STDERR = 2;
/** Characters: one print or one error's message must not fill the disk. */
const LONGEST_RECORD = 65_536;
/** How often a log file is checked for having been moved away (logrotate), as each look costs. */
const MOVED_CHECK_MS = 1000;

function cut(message: string): string {
  return `${message.slice(0, LONGEST_RECORD)}… (cut: ${message.length} characters)`;
}

type WriteLine = (
  level: LogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>> | undefined,
) => void;

/** @throws ImproperlyConfigured when the log file cannot be opened */
export function createLogger(config: LogConfig): ProcessLogger {
  const destination = new Destination(config.file);
  const threshold = LEVELS[config.level];
  if (config.format === 'json') {
    const write = jsonLines(config, destination);
    return new DestinationLogger(threshold, write, write, destination);
  }
  const { pattern = DEFAULT_PATTERN, taskPattern = DEFAULT_TASK_PATTERN } = config;
  const write = textLines(config, pattern, destination, fields => fields?.name === PRINTS);
  const writeTask = textLines(config, taskPattern, destination, () => true);
  return new DestinationLogger(threshold, write, writeTask, destination);
}

/** A log whose lines, those of `level` and above, go to `write` instead of a file or stderr. */
export function loggerTo(level: LogLevel, write: WriteLine): ProcessLogger {
  const log = new LineLogger(LEVELS[level], write);
  return Object.assign(log, { tasks: log, reopen() {}, close() {} });
}

class LineLogger implements Logger {
  readonly #threshold: number;
  readonly #write: WriteLine;

  constructor(threshold: number, write: WriteLine) {
    this.#threshold = threshold;
    this.#write = write;
  }

  isEnabledFor(level: LogLevel): boolean {
    return LEVELS[level] >= this.#threshold;
  }

  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (LEVELS[level] < this.#threshold) return;
    this.#write(level, message.length > LONGEST_RECORD ? cut(message) : message, fields);
  }

  debug(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log('debug', message, fields);
  }

  info(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log('info', message, fields);
  }

  warning(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log('warning', message, fields);
  }

  error(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log('error', message, fields);
  }

  critical(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log('critical', message, fields);
  }
}

class DestinationLogger extends LineLogger implements ProcessLogger {
  readonly tasks: Logger;
  readonly #destination: Destination;

  constructor(threshold: number, write: WriteLine, writeTask: WriteLine, destination: Destination) {
    super(threshold, write);
    this.tasks = new LineLogger(threshold, writeTask);
    this.#destination = destination;
  }

  reopen(): void {
    this.#destination.reopen();
  }

  close(): void {
    this.#destination.close();
  }
}

/** @param isPrograms whether the text is what the user's code printed or logged on purpose */
function textLines(
  config: LogConfig,
  pattern: string,
  destination: Destination,
  isPrograms: (fields: Readonly<Record<string, unknown>> | undefined) => boolean,
): WriteLine {
  const guard = lineGuard(pattern);
  const format = compilePattern(pattern, config.processName);
  const paint = (config.color ?? isTerminal(config)) ? painter() : undefined;
  return (level, message, fields) => {
    const record = format({ timeMs: Date.now(), level, message, fields });
    const line = guard(record, isPrograms(fields));
    destination.write(`${paint?.[level]?.(line) ?? line}\n`);
  };
}

function isTerminal(config: LogConfig): boolean {
  return config.file === undefined && isatty(STDERR);
}

/** Celery's colours; the caller has decided that colours are wanted. */
function painter(): Partial<Record<LogLevel, (text: string) => string>> {
  const chalk = new Chalk({ level: 1 });
  return {
    debug: chalk.blue,
    warning: chalk.yellow,
    error: chalk.red,
    critical: chalk.magenta.bold,
  };
}

function jsonLines(config: LogConfig, destination: DestinationStream): WriteLine {
  // seldom wanted, and large beside an idle child of the pool
  const { pino } = createRequire(import.meta.url)('pino') as { pino: typeof Pino };
  const logger = pino<LogLevel>(
    {
      level: config.level,
      customLevels: LEVELS,
      useOnlyCustomLevels: true,
      base: { pid: process.pid, processName: config.processName },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: label => ({ level: LEVEL_NAMES[label as LogLevel] }) },
    },
    destination,
  );
  return (level, message, fields) => {
    if (fields === undefined) logger[level](message);
    else logger[level](fields, message);
  };
}

/** Where the lines end up: pino's synchronous stream, which copes with full and broken pipes. */
class Destination implements DestinationStream {
  readonly #file: string | undefined;
  readonly #stream: SonicBoom;
  #closed = false;
  #inode: number | undefined;
  #nextCheckMs = 0;

  constructor(file: string | undefined) {
    this.#file = file;
    this.#stream = openStream(file);
    this.#inode = file === undefined ? undefined : inodeOf(file);
    // A full disk must not take the worker down; the line is lost. So are all that nobody reads.
    this.#stream.on('error', error => {
      this.#closed ||= (error as NodeJS.ErrnoException).code === 'EPIPE';
    });
  }

  write(line: string): void {
    if (this.#closed) return;
    if (this.#file !== undefined) this.#followMovedFile(this.#file);
    this.#stream.write(line);
  }

  reopen(): void {
    if (this.#closed || this.#file === undefined) return;
    this.#stream.reopen();
    this.#inode = inodeOf(this.#file);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Ending the other stream would close fd 2, which belongs to the process.
    if (this.#file !== undefined) this.#stream.end();
  }

  #followMovedFile(file: string): void {
    const now = Date.now();
    if (now < this.#nextCheckMs) return;
    this.#nextCheckMs = now + MOVED_CHECK_MS;
    if (inodeOf(file) === this.#inode) return;
    try {
      this.reopen();
    } catch {
      // The old file stays open, so no line is lost; the next check tries again.
    }
  }
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

function openStream(file: string | undefined): SonicBoom {
  if (file === undefined) return new sonicBoom.SonicBoom({ fd: STDERR, sync: true });
  try {
    return new sonicBoom.SonicBoom({ dest: file, sync: true, append: true, mode: FILE_MODE });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImproperlyConfigured(`Cannot open the log file ${JSON.stringify(file)}: ${reason}`, {
      cause: error,
    });
  }
}
