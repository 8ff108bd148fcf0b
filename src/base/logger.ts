/** What code that logs needs; `process/log.ts` gives the real one. */

export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'critical';

export interface Logger {
  /** Whether a line of this level would be written: ask before building an expensive one. */
  isEnabledFor(level: LogLevel): boolean;
  /** `fields` are for machines (node, queue, task id); the text must make sense without them. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warning(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  critical(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

const NAMED: Readonly<Record<string, LogLevel>> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARNING: 'warning',
  WARN: 'warning',
  ERROR: 'error',
  CRITICAL: 'critical',
  FATAL: 'critical',
};

/** The level of a name as Python writes it, in any case; undefined for other names. */
export function levelNamed(name: string): LogLevel | undefined {
  const key = name.toUpperCase();
  return Object.hasOwn(NAMED, key) ? NAMED[key] : undefined;
}
