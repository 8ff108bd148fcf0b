/**
 * Log lines as people read them: Celery's `%(field)s` patterns turned into a function.
 * Pure apart from the local time zone.
 */
import type { LogLevel } from '../base/logger.ts';

/** Celery's `worker_log_format`. */
export const DEFAULT_PATTERN = '[%(asctime)s: %(levelname)s/%(processName)s] %(message)s';

/** Celery's `worker_task_log_format`. */
export const DEFAULT_TASK_PATTERN =
  '[%(asctime)s: %(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s';

export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

export const LEVEL_NAMES: Readonly<Record<LogLevel, string>> = {
  debug: 'DEBUG',
  info: 'INFO',
  warning: 'WARNING',
  error: 'ERROR',
  critical: 'CRITICAL',
};

/** `%(name)s` with the width and precision that Python's formatting knows, or `%%`. */
const TOKEN = /%(?:%|\((\w+)\)(-?)(\d*)(?:\.(\d+))?[sdrf])/g;
/** Python's word for a field that a record does not have. */
const UNKNOWN = '???';

type Part = (record: LogRecord) => string;

/** A function that writes a record as `pattern` says, without a line end. */
export function compilePattern(pattern: string, processName: string): Part {
  const parts: Part[] = [];
  let end = 0;
  for (const match of pattern.matchAll(TOKEN)) {
    const before = pattern.slice(end, match.index);
    if (before) parts.push(() => before);
    parts.push(partFor(match, processName));
    end = match.index + match[0].length;
  }
  const rest = pattern.slice(end);
  if (rest) parts.push(() => rest);
  return record => {
    let line = '';
    for (const part of parts) line += part(record);
    return line;
  };
}

function partFor(match: RegExpExecArray, processName: string): Part {
  const [, name, dash, width, precision] = match;
  if (name === undefined) return () => '%';
  const field = fieldNamed(name, processName);
  if (!width && !precision) return field;
  const columns = Number(width || 0);
  return record => {
    const text = precision ? field(record).slice(0, Number(precision)) : field(record);
    return dash ? text.padEnd(columns) : text.padStart(columns);
  };
}

function fieldNamed(name: string, processName: string): Part {
  const pid = String(process.pid);
  const fixed: Record<string, Part> = {
    asctime: record => localTime(record.timeMs),
    levelname: record => LEVEL_NAMES[record.level],
    processName: () => processName,
    process: () => pid,
    message: record => record.message,
  };
  return (
    fixed[name] ??
    (record => {
      const value = record.fields?.[name];
      return value === undefined || value === null ? UNKNOWN : String(value);
    })
  );
}

let cachedSecond = Number.NaN;
let cachedText = '';

/** `YYYY-MM-DD HH:MM:SS,mmm` in local time, as Python's logging writes it. */
export function localTime(timeMs: number): string {
  const second = Math.floor(timeMs / 1000);
  // Most lines of a busy worker share their second with the line before.
  if (second !== cachedSecond) {
    const date = new Date(second * 1000);
    const two = (n: number) => String(n).padStart(2, '0');
    cachedText =
      `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
      `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())},`;
    cachedSecond = second;
  }
  const ms = Math.floor(timeMs - second * 1000);
  return cachedText + (ms < 10 ? '00' : ms < 100 ? '0' : '') + ms;
}
