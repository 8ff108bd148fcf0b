/**
 * Traces that go through Python and back. `opentelemetry-instrumentation-celery` itself is not
 * needed: what it does to messages is to set plain headers before they are published, and to
 * look at attributes of `task.request`.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { context, createTraceState, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { Celery } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery } from '../support/python.ts';
import { rabbitmqSurroundings } from '../support/shared-rabbitmq.ts';
import { registerSdk, traceparentOf } from '../support/tracing.ts';
import { redisSurroundings, type Surroundings } from '../support/worker.ts';

const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';
const FIXTURES = dirname(fileURLToPath(new URL('../fixtures/python_app.py', import.meta.url)));
const skip = (await pythonCelery()) ? false : 'Python Celery is not installed';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

/** As the instrumentation injects, when a current span has this context. */
const CLIENT = `
from celery import Celery
from celery.signals import before_task_publish
app = Celery('py', broker=data['broker'], backend=data['backend'])
app.conf.task_default_queue = data['queue']

@before_task_publish.connect(weak=False)
def inject(headers=None, **kwargs):
    headers.update(data['inject'])

app.send_task('ours.add', args=[1, 2])
`;

for (const [broker, surround] of [
  ['redis', redisSurroundings],
  ['rabbitmq', rabbitmqSurroundings],
] as const) {
  describe(`traces between us and Python on ${broker}`, { skip }, () => {
    let surroundings: Surroundings;
    let worker: ChildProcess;
    let queue: string;

    before(async () => {
      surroundings = await surround();
      queue = `q-${randomUUID()}`;
      worker = await startPythonWorker({ ...surroundings.settings, task_default_queue: queue });
    });
    after(async () => {
      worker.kill('SIGKILL');
      await once(worker, 'close');
      await surroundings.stop();
    });

    const open = (t: TestContext, task_default_queue: string) => {
      const settings = { task_default_queue, task_tracing: true };
      const app = new Celery('ours', { ...surroundings.settings, ...settings });
      t.after(() => app.close());
      return app;
    };

    it('have the context of our call where the instrumentation of Python looks for it', async t => {
      const sdk = registerSdk(t);
      const app = open(t, queue);
      const traceState = createTraceState('vendor=1');
      const remote = { traceId: TRACE, spanId: SPAN, traceFlags: 1, traceState };
      const baggage = propagation.createBaggage({ customer: { value: 'no 7' } });
      const caller = propagation.setBaggage(trace.setSpanContext(ROOT_CONTEXT, remote), baggage);

      const result = await context.with(caller, () => app.sendTask('py.trace'));
      const seen = (await result.get({ timeout: 20 })) as Record<string, unknown>;

      const traceparent = traceparentOf(sdk.span('apply_async/py.trace'));
      assert.match(traceparent, new RegExp(`^00-${TRACE}-`));
      assert.deepEqual(seen.attributes, {
        traceparent,
        tracestate: 'vendor=1',
        baggage: 'customer=no%207',
      });
      assert.equal(seen.got, traceparent);
    });

    it('have the headers of the caller beside it', async t => {
      registerSdk(t);
      const app = open(t, queue);

      const result = await app.sendTask('py.trace', [], { headers: { mine: 'yes' } });
      const seen = (await result.get({ timeout: 20 })) as { attributes: { traceparent: string } };

      assert.match(seen.attributes.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    });

    it('continue with us below the span of a Python client', async t => {
      const sdk = registerSdk(t);
      const ours = `ours-${randomUUID()}`;
      const app = open(t, ours);
      app.task('ours.add', (x: number, y: number) => x + y);
      const running = app.worker({ loglevel: 'ERROR', pool: 'async' });
      await running.start();
      t.after(() => running.stop());

      await python(CLIENT, {
        broker: surroundings.settings.broker_url,
        backend: surroundings.settings.result_backend,
        queue: ours,
        inject: { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'vendor=1' },
      });

      const run = await eventually(() => sdk.span('run/ours.add'));
      assert.equal(run.spanContext().traceId, TRACE);
      assert.equal(run.parentSpanContext?.spanId, SPAN);
      assert.equal(run.spanContext().traceState?.serialize(), 'vendor=1');
      assert.match(String(run.attributes['celery.hostname']), /^gen\d+@/);
      assert.equal(run.attributes['messaging.system'], broker);
    });
  });
}

async function startPythonWorker(settings: object): Promise<ChildProcess> {
  const args = [
    '-m',
    'celery',
    '-A',
    'python_app',
    'worker',
    '-c',
    '1',
    '-P',
    'solo',
    '-l',
    'INFO',
  ];
  const worker = spawn(PYTHON, [...args, '--without-gossip', '--without-mingle'], {
    cwd: FIXTURES,
    env: { ...process.env, TEST_SETTINGS: JSON.stringify(settings), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  worker.stderr.setEncoding('utf8').on('data', text => {
    log += text;
  });
  await eventually(() => assert.match(log, / ready\./), { seconds: 30 });
  return worker;
}
