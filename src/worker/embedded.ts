/** A worker inside a program of the user's, which keeps its signals, its output and its app. */

import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import { deriveApp } from '../app/derive-app.ts';
import type { WorkerEngine } from '../app/workers/app-worker.ts';
import {
  autoscale,
  heartbeat,
  type WorkerOptions,
  workerSettings,
} from '../app/workers/worker-options.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import { levelNamed } from '../base/logger.ts';
import { expandHostName, expandNodePath, nodeName } from '../base/node-name.ts';
import { processWide } from '../base/process/process-wide.ts';
import type { RunnerFactory } from '../pool/contract.ts';
import { poolKind, runsInProcess } from '../pool/open.ts';
import { createLogger, type LogConfig, loggerTo, type ProcessLogger } from '../process/log.ts';
import { taskRunner } from './child/child.ts';
import { setUpLogging } from './child/set-up-logging.ts';
import { Worker } from './worker.ts';

/** Workers of this process so far, for their names. */
const count = processWide('embedded-workers', () => ({ made: 0 }));

/**
 * The worker has settings, queues and connections of its own, so that several of one app do not
 * disturb each other and stopping one leaves the app open.
 *
 * @throws ImproperlyConfigured when options or settings cannot be used
 */
export async function createWorker(origin: object, options: WorkerOptions): Promise<WorkerEngine> {
  const source = origin as Celery;
  await source.load();
  await source.importModules(options.include ?? []);
  const settings = workerSettings(options);
  const app = deriveApp(source, settings);
  const node = expandHostName(nodeName(options.hostname ?? nextName()));
  const log = logConfig(app, options);
  const logger = await openLog(app, node, log, options);
  const worker = new Worker(app, {
    hostname: node,
    logger,
    fair: options.optimization === 'fair',
    mingles: !options.withoutMingle,
    gossips: !options.withoutGossip,
    ...heartbeat(options),
    ...autoscale(options),
    ...(options.queues && { queues: options.queues }),
    ...(options.excludeQueues && { excludeQueues: options.excludeQueues }),
    child: {
      app: moduleName(app, options),
      ...{ cwd: process.cwd(), config: undefined, include: options.include ?? [] },
      ...{ settings, node, log },
    },
    ...(isInProcess(app) && { createRunner: runnerOf(app, node, logger) }),
  });
  return engineOf(worker, logger, options.purge ?? false);
}

function engineOf(worker: Worker, logger: ProcessLogger, purges: boolean): WorkerEngine {
  const failed = worker.failed.then(error => {
    logger.critical(`Unrecoverable error: ${error.stack ?? String(error)}`);
    return error;
  });
  const stop: WorkerEngine['stop'] = async how => {
    await worker.stop(how);
    logger.close();
  };
  // a worker in a program is stopped by it, or from afar; the program goes on
  void worker.shutdownRequested
    .then(() => stop('warm'))
    .catch(error => logger.error(`The worker could not be stopped: ${(error as Error).message}`));
  return {
    hostname: worker.hostname,
    failed,
    async start() {
      if (purges) await worker.purge();
      await worker.start();
    },
    stop,
  };
}

function nextName(): string | undefined {
  count.made += 1;
  return count.made === 1 ? undefined : `celery${count.made}@%h`;
}

const isInProcess = (app: Celery) => runsInProcess(poolKind(String(app.conf.worker_pool)));

/** @throws ImproperlyConfigured when children could not find the app */
function moduleName(app: Celery, { module }: WorkerOptions): string | undefined {
  if (isInProcess(app)) return undefined;
  if (module !== undefined) return String(module);
  throw new ImproperlyConfigured(
    `The pool ${JSON.stringify(app.conf.worker_pool)} runs tasks in children, which load the app themselves. Say where it is, as in app.worker({ module: new URL('./celery.js', import.meta.url) }), or use the pool "async", which runs tasks in this process.`,
  );
}

function logConfig({ conf }: Celery, { loglevel, logFormat }: WorkerOptions): LogConfig {
  return {
    level: levelNamed(loglevel ?? 'warning')!,
    format: logFormat ?? 'text',
    pattern: conf.worker_log_format,
    taskPattern: conf.worker_task_log_format,
    processName: 'MainProcess',
    ...(conf.worker_logfile !== null && { file: conf.worker_logfile }),
    ...(conf.worker_log_color !== null && { color: conf.worker_log_color }),
  };
}

function openLog(app: Celery, node: string, log: LogConfig, { log: sink }: WorkerOptions) {
  const own = { ...log, file: log.file && expandNodePath(log.file, node) };
  return setUpLogging(app, node, own, () =>
    sink
      ? loggerTo(own.level, (level, message, fields = {}) => sink(level, message, fields))
      : createLogger(own),
  );
}

/** Runs the tasks here, with what the program has imported already. */
function runnerOf(app: Celery, hostname: string, logger: ProcessLogger): RunnerFactory {
  return async (_config, { slot }) => {
    const event = { hostname, pid: process.pid, slot };
    await app.signals.workerProcessInit.send(hostname, event);
    return taskRunner(
      app,
      await app[INTERNALS].executionPorts({ hostname, logger, taskLog: logger.tasks }),
    );
  };
}
