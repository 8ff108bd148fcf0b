/**
 * Entry of a pool child: loads the user's app once and runs its tasks.
 */

import { Celery } from '../app/app.ts';
import { findApp } from '../app/find-app.ts';
import { expandNodePath } from '../base/node-name.ts';
import type { TaskSource } from '../execute/execution.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import { runTask } from '../execute/run-task.ts';
import type { JobControl, JobRunner, RunnerFactory } from '../pool/contract.ts';
import { createLogger, type LogConfig } from '../process/log.ts';
import { decodeEnvelope } from '../wire/envelope.ts';
import type { Message } from '../wire/message.ts';
import { readTaskHeaders } from '../wire/task-message.ts';
import { missingTask } from './missing-task.ts';

/** How a child finds the app of its worker; crosses processes, so plain data only. */
export interface ChildConfig {
  /** What followed `-A`. */
  readonly app: string | undefined;
  readonly cwd: string;
  /** What followed `--config`. */
  readonly config: string | undefined;
  /** Modules of `-I`. */
  readonly include: readonly string[];
  /** Settings given on the command line. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Node name of the worker. */
  readonly node: string;
  /** `%` letters in its file name are expanded by the child. */
  readonly log: LogConfig;
}

export const createRunner: RunnerFactory = async (config, child) => {
  const {
    cwd,
    config: configFile,
    include,
    settings,
    node,
    log,
    app: spec,
  } = config as ChildConfig;
  // the solo pool runs in the worker itself
  const processName = process.send ? `ForkPoolWorker-${child.index}` : log.processName;
  // with %i or %I in the name every child writes a file of its own
  const file = log.file && expandNodePath(log.file, node, process.send ? child.slot : 0);
  const logger = createLogger({ ...log, file, processName });
  const app = spec === undefined ? new Celery() : ((await findApp(spec, { cwd })) as Celery);
  await app.load({ cwd, ...(configFile === undefined ? {} : { config: configFile }) });
  app.conf.update(settings);
  await app.importModules(include, cwd);
  const ports = await app.executionPorts({ hostname: node, logger });
  return taskRunner(app, ports);
};

/** Runs the tasks of an app that is loaded already. */
export function taskRunner(app: Celery, ports: ExecutionPorts): JobRunner {
  return new TaskRunner(app, ports);
}

interface StructuredPayload extends TaskSource {
  readonly message: Message;
}

class TaskRunner implements JobRunner {
  readonly #app: Celery;
  readonly #ports: ExecutionPorts;

  constructor(app: Celery, ports: ExecutionPorts) {
    this.#app = app;
    this.#ports = ports;
  }

  run(payload: unknown, control: JobControl): Promise<unknown> {
    const source: TaskSource =
      typeof payload === 'string' ? decodeEnvelope(payload) : (payload as StructuredPayload);
    const { task: header } = source.message.headers;
    // protocol 1 keeps the name in the body
    const name =
      typeof header === 'string'
        ? header
        : readTaskHeaders(source.message, this.#ports.accept).task;
    const task = this.#app.tasks.get(name)?.definition ?? missingTask(name);
    return runTask(task, source, this.#ports, control);
  }

  async stop(): Promise<void> {
    await this.#app.close();
  }
}
