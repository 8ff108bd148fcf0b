/** The log of a service of the command line, by its options and settings. */
import type { Celery } from '../app/app.ts';
import type { LogLevel } from '../base/logger.ts';
import { expandNodePath } from '../base/node-name.ts';
import { createLogger, type LogConfig, type ProcessLogger } from '../process/log.ts';
import { setUpLogging } from '../worker/child/set-up-logging.ts';
import type { GlobalValues } from './parsing/global-options.ts';
import { refusesColor } from './terminal/color.ts';

interface LogOptions {
  readonly loglevel?: LogLevel;
  readonly logFormat?: 'text' | 'json';
}

/** @param file as in the settings: what `%` stands for is not filled in */
export function logConfig(
  { conf }: Celery,
  globals: GlobalValues,
  { loglevel, logFormat }: LogOptions,
  file: string | null,
): LogConfig {
  const { worker_log_color, worker_log_format, worker_task_log_format } = conf;
  const color = refusesColor(globals) ? false : worker_log_color;
  return {
    level: loglevel ?? 'warning',
    format: logFormat ?? 'text',
    pattern: worker_log_format,
    taskPattern: worker_task_log_format,
    processName: 'MainProcess',
    ...(file !== null && { file }),
    ...(color !== null && { color }),
  };
}

/** @throws ImproperlyConfigured when the file cannot be opened */
export function openServiceLog(app: Celery, node: string, log: LogConfig): Promise<ProcessLogger> {
  const own = { ...log, file: log.file && expandNodePath(log.file, node) };
  return setUpLogging(app, node, own, () => createLogger(own));
}
