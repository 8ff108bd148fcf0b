import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { INTERNALS } from '../../../../src/app/app-internals.ts';
import type { Service } from '../../../../src/base/service.ts';
import { Celery } from '../../../../src/index.ts';
import { assemble, type WorkerParts } from '../../../../src/worker/assembly.ts';
import { taskRunner } from '../../../../src/worker/child/child.ts';
import { Stopping } from '../../../../src/worker/running/stopping.ts';
import { STEPS } from '../../../../src/worker/steps/steps.ts';
import { WorkerState } from '../../../../src/worker/worker-state.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

const hostname = 'celery@steps';
const logger = {
  isEnabledFor: () => false,
  log() {},
  debug() {},
  info() {},
  warning() {},
  error() {},
  critical() {},
};

/** Of a worker in memory that has every step. */
async function partsOf(t: TestContext): Promise<WorkerParts> {
  const folder = temporaryProject(t, {});
  const app = new Celery('proj', {
    broker_url: 'memory://',
    result_backend: 'cache+memory://',
    worker_pool: 'async',
    worker_dead_letter_queue: 'dead',
    worker_stack_watch: true,
    ...{ worker_health_port: 0, worker_metrics_port: 0, worker_health_host: '127.0.0.1' },
    worker_health_file: join(folder, 'health'),
    worker_state_db: join(folder, 'state.json'),
  });
  t.after(() => app.close());
  const execution = await app[INTERNALS].executionPorts({ hostname, logger });
  const blueprint = {
    ...{ app, hostname, logger, fair: false, queues: app.queues.consumed },
    state: new WorkerState(),
    stopping: new Stopping(app, logger),
    heartbeatInterval: 2,
    pool: { name: 'async', concurrency: 2, autoscale: { max: 3, min: 2 } },
    child: {
      app: undefined,
      cwd: '',
      config: undefined,
      include: [],
      settings: {},
      node: hostname,
      log: {} as never,
    },
    createRunner: async () => taskRunner(app, execution),
    onFatal: (error: Error) => assert.fail(error),
    onShutdown() {},
    mingles: true,
    gossips: true,
  };
  return assemble(blueprint, await app[INTERNALS].openTransport('read'), execution);
}

/** Those below `name` started, and itself not yet. */
async function upTo(
  name: string,
  parts: WorkerParts,
): Promise<{ step: Service; below: Service[] }> {
  const below: Service[] = [];
  for (const row of STEPS) {
    const step = row.create(parts);
    assert.ok(step, `${row.name} is missing`);
    if (row.name === name) return { step, below: below.reverse() };
    await step.start();
    below.push(step);
  }
  throw new Error(`no step ${name}`);
}

async function stopAll(services: readonly Service[]): Promise<void> {
  for (const service of services) await service.stop();
}

for (const { name } of STEPS) {
  describe(`the step "${name}" of a worker`, () => {
    test('can be stopped twice', async t => {
      const { step, below } = await upTo(name, await partsOf(t));

      await step.start();
      await step.stop();
      await step.stop();

      await stopAll(below);
    });

    test('can be stopped before its start', async t => {
      const { step, below } = await upTo(name, await partsOf(t));

      await step.stop();

      await stopAll(below);
    });

    test('can be stopped while it starts', async t => {
      const { step, below } = await upTo(name, await partsOf(t));

      const starting = step.start().catch((error: Error) => error);
      await step.stop();
      await starting;

      await stopAll(below);
    });
  });
}
