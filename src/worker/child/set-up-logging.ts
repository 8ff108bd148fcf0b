import type { Celery } from '../../app/app.ts';
import type { LoggingEvent, LogSink } from '../../app/signals/signals.ts';
import { type LogConfig, loggerTo, type ProcessLogger } from '../../process/log.ts';

/**
 * A receiver of `setupLogging` may bring a log of its own; `open` makes the usual one otherwise.
 * The same in the main process and in each child.
 */
export async function setUpLogging(
  app: Celery,
  hostname: string,
  config: LogConfig,
  open: () => ProcessLogger,
): Promise<ProcessLogger> {
  const { setupLogging, afterSetupLogger, afterSetupTaskLogger } = app.signals;
  const event: LoggingEvent = {
    hostname,
    processName: config.processName,
    loglevel: config.level,
    logfile: config.file,
    format: config.format,
    colorize: config.color,
  };
  let sink: LogSink | undefined;
  const use = (given: LogSink) => {
    sink = given;
  };
  await setupLogging.send(hostname, { ...event, use });
  const given = sink as LogSink | undefined;
  const logger = given
    ? loggerTo(config.level, (level, message, fields = {}) => given(level, message, fields))
    : open();
  await afterSetupLogger.send(hostname, { ...event, logger });
  await afterSetupTaskLogger.send(hostname, { ...event, logger: logger.tasks });
  return logger;
}
