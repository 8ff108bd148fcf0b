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
