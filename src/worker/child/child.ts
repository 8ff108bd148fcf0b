import { isMainThread } from 'node:worker_threads';
import { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import { findApp } from '../../app/loading/find-app.ts';
import { markPoolChild } from '../../app/workers/app-worker.ts';
import { type Logger, levelNamed } from '../../base/logger.ts';
import { expandNodePath } from '../../base/node-name.ts';
import type { TaskSource } from '../../execute/execution.ts';
import { setTaskLog, taskFields } from '../../execute/logs/task-logger.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { runTask } from '../../execute/run/run-task.ts';
import { currentTask } from '../../execute/task-context.ts';
import type { JobControl, JobRunner, RunnerFactory } from '../../pool/contract.ts';
import { createLogger, type LogConfig, type ProcessLogger } from '../../process/log.ts';
import { redirectOutput } from '../../process/redirect-output.ts';
import { setProcessTitle } from '../../process/title.ts';
import { decodeEnvelope } from '../../wire/messages/envelope.ts';
import { readTaskHeaders } from '../../wire/messages/task-message.ts';
import type { TalkativePayload } from '../request.ts';
import { missingTask } from './missing-task.ts';
import { setUpLogging } from './set-up-logging.ts';
import { logFatal, watchStrayErrors } from './stray-errors.ts';

/** How a child finds the app of its worker; crosses processes, so plain data only. */
export interface ChildConfig {
  /** What followed `-A`. */
  readonly app: string | undefined;
  readonly cwd: string;
  /** What followed `--config`. */
  readonly config: string | undefined;
  /** Modules of `-I`. */
  readonly include: readonly string[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly node: string;
  /** `%` letters in its file name are expanded by the child, which knows its slot. */
  readonly log: LogConfig;
}

type ChildIdentity = Parameters<RunnerFactory>[1];

export const createRunner: RunnerFactory = async (given, child) => {
  const config = given as ChildConfig;
  // what goes wrong while the app is loaded is logged too
  const ownLog = logConfig(config, child);
  const early = createLogger(ownLog);
  setTaskLog(early.tasks);
  let log: Logger = early;
  const { retire } = child;
  const unwatch = watchStrayErrors({
    // whatever else the error has left undone, no other task is to meet it
    onTask: () => retire?.('child process exiting after an error that nothing caught'),
    // the worker's own process has somebody else for that
    ...(retire && { onUnknown: error => logFatal(log, error) }),
  });
  if (child.slot > 0) markPoolChild();
  if (child.slot > 0 && isMainThread) {
    setProcessTitle('celeryd', `${config.node}:${child.name}`);
  }
  const { app, logger, stopRedirect } = await loadApp(config, ownLog, early);
  log = logger;
  const ports = await app[INTERNALS].executionPorts({ hostname: config.node, logger });
  const event = { hostname: config.node, pid: process.pid };
  await app.signals.workerProcessInit.send(config.node, { ...event, slot: child.slot });
  if (ports.tracing?.isHeard === false && child.slot <= 1) logger.warning(UNHEARD);
  return new TaskRunner(app, ports, async () => {
    await app.signals.workerProcessShutdown.send(config.node, event);
    stopRedirect();
    // in its own process the worker stores what becomes of tasks after this, and closes its app then
    if (child.slot > 0 || config.app === undefined) await app.close();
    unwatch();
  });
};

const UNHEARD =
  'Setting task_tracing is on, but this process has no OpenTelemetry SDK: register one in ' +
  'workerProcessInit, or with NODE_OPTIONS=--import.';

function logConfig({ log, node }: ChildConfig, child: ChildIdentity): LogConfig {
  const processName = child.slot > 0 ? child.name : log.processName;
  // with %i or %I in the name every child writes a file of its own
  const file = log.file && expandNodePath(log.file, node, child.slot);
  return { ...log, file, processName };
}

async function loadApp(
  { app: spec, cwd, config, include, settings, node }: ChildConfig,
  log: LogConfig,
  early: ProcessLogger,
): Promise<{ app: Celery; logger: ProcessLogger; stopRedirect: () => void }> {
  const app = spec === undefined ? new Celery() : ((await findApp(spec, { cwd })) as Celery);
  await app.load({ cwd, ...(config === undefined ? {} : { config }) });
  app.conf.update(settings);
  const logger = await setUpLogging(app, node, log, () => early);
  setTaskLog(logger.tasks);
  const stopRedirect = app.conf.worker_redirect_stdouts ? redirect(app, logger) : () => {};
  await app.importModules(include, cwd);
  return { app, logger, stopRedirect };
}

function redirect(app: Celery, logger: Logger): () => void {
  return redirectOutput({
    logger,
    level: levelNamed(app.conf.worker_redirect_stdouts_level) ?? 'warning',
    fields: () => {
      const task = currentTask();
      return task ? taskFields(task.request) : {};
    },
  });
}

/** Runs the tasks of an app that is loaded already, and whose connections somebody else closes. */
export function taskRunner(app: Celery, ports: ExecutionPorts): JobRunner {
  const unwatch = watchStrayErrors({});
  return new TaskRunner(app, ports, async () => unwatch());
}

function sourceOf(payload: string | TalkativePayload | TaskSource): TaskSource {
  if (typeof payload === 'string') return decodeEnvelope(payload);
  if ('message' in payload) return payload;
  const { message, exchange, routingKey, redelivered } = decodeEnvelope(payload[0]);
  return { message, exchange, routingKey, redelivered, wantsTexts: true };
}

class TaskRunner implements JobRunner {
  readonly #app: Celery;
  readonly #ports: ExecutionPorts;
  readonly #onStop: () => Promise<void>;

  constructor(app: Celery, ports: ExecutionPorts, onStop: () => Promise<void>) {
    this.#app = app;
    this.#ports = ports;
    this.#onStop = onStop;
  }

  run(payload: unknown, control: JobControl): Promise<unknown> {
    const source = sourceOf(payload as string | TalkativePayload | TaskSource);
    const { task: header } = source.message.headers;
    // protocol 1 keeps the name in the body
    const name =
      typeof header === 'string'
        ? header
        : readTaskHeaders(source.message, this.#ports.accept).task;
    const task = this.#app[INTERNALS].definition(name) ?? missingTask(name);
    return runTask(task, source, this.#ports, control);
  }

  hurry(): void {
    this.#ports.hurry?.();
  }

  stop(): Promise<void> {
    return this.#onStop();
  }
}
