import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import * as tscelery from '../../../src/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: as a caller without a compiler
type Untyped = any;
const api: Untyped = tscelery;
const settings = { broker: 'memory://', backend: 'cache+memory://' };
const make = (): Untyped => new api.Celery('proj', settings);

/** Every class of an error in the public API. */
function errorClasses(): Record<string, (first: unknown, second: unknown) => unknown> {
  const classes = Object.entries(api).filter(
    ([, value]) => typeof value === 'function' && value.prototype instanceof Error,
  ) as [string, new (...args: unknown[]) => Error][];
  return Object.fromEntries(
    classes.map(([name, Class]) => [
      name,
      (a, b) => {
        const { message } = new Class(a, b);
        assert.equal(typeof message, 'string');
      },
    ]),
  );
}

const ODD: readonly unknown[] = [
  ...[undefined, null, 0, -1, Number.NaN, '', 'x', true, 5n, Symbol('s')],
  ...[[], {}, [null], { a: 1 }, () => {}, class A {}, new Date(0), Object.create(null)],
];
const SECOND: readonly unknown[] = [undefined, null, 5, 'x', { zz: 1 }];

/** Every function of the public API that takes something, and methods of what it makes. */
const FUNCTIONS: Readonly<Record<string, (first: unknown, second: unknown) => unknown>> = {
  'new Celery': (a, b) => new api.Celery(a, b),
  'app.task': (a, b) => make().task(a, b),
  'app.registerTask': a => make().registerTask(a),
  'app.unregisterTask': a => make().unregisterTask(a),
  'app.remoteTask': (a, b) => make().remoteTask(a, b),
  'app.genTaskName': a => make().genTaskName(a),
  'app.AsyncResult': a => make().AsyncResult(a),
  'app.registerError': a => make().registerError(a),
  'app.configFromObject': (a, b) => make().configFromObject(a, b),
  'app.configFromEnvvar': (a, b) => make().configFromEnvvar(a, b),
  'app.configFromCmdline': (a, b) => make().configFromCmdline(a, b),
  'app.addDefaults': a => make().addDefaults(a),
  'app.setupSecurity': a => make().setupSecurity(a),
  'app.load': a => make().load(a),
  'app.autodiscoverTasks': (a, b) => make().autodiscoverTasks(a, b),
  'app.importModules': (a, b) => make().importModules(a, b),
  'app.worker': a => make().worker(a),
  'worker.stop': a => make().worker().stop(a),
  'conf.get': a => make().conf.get(a),
  'conf.update': a => make().conf.update(a),
  'queues.add': a => make().queues.add(a),
  'queues.get': a => make().queues.get(a),
  'queues.select': a => make().queues.select(a),
  'signal.connect': (a, b) => make().signals.taskPrerun.connect(a, b),
  'signal.disconnect': (a, b) => make().signals.taskPrerun.disconnect(a, b),
  'control.call': a => make().control.call(a, 5),
  'control.revoke': a => make().control.revoke(a, { zz: 1 }),
  'control.ping': () => make().control.ping(5),
  'control.purge': () => make().control.purge(5),
  queue: (a, b) => api.queue(a, b),
  exchange: (a, b) => api.exchange(a, b),
  binding: (a, b) => api.binding(a, b),
  broadcast: (a, b) => api.broadcast(a, b),
  workerDirect: a => api.workerDirect(a),
  registerSerializer: a => api.registerSerializer(a),
  registerType: (a, b) => api.registerType(a, b),
  getTaskLogger: a => api.getTaskLogger(a),
  ...errorClasses(),
  'task.apply': (a, b) => add.apply(a, b),
  'task.applyAsync': (a, b) => add.applyAsync(a, b),
  'app.sendTask': (a, b) => sender.sendTask(a, b),
  'result.get': async a => (await add.apply([1])).get(a),
  'result.state': async a => (await add.apply([1])).state(a),
  'result.revoke': async a => (await add.apply([1])).revoke(a),
  'result.onReady': async (a, b) => sender.AsyncResult('id').onReady(5, b ?? a),
};
const sender = make();
const add = sender.task('proj.add', (x: number) => x);

/** What the engine says when nobody has looked at a value. */
const RAW =
  /Cannot (read|destructure|convert|set|use)|is not a (function|constructor)|is not iterable|invoked without|must be called with|Invalid time/;

async function assertSaid(name: string, first: unknown, second: unknown): Promise<void> {
  try {
    await FUNCTIONS[name]!(first, second);
  } catch (error) {
    const { name: kind, message } = error as Error;
    const isOurs = error instanceof api.CeleryError || error instanceof TypeError;
    assert.ok(isOurs || error instanceof RangeError, `${name} throws ${kind}: ${message}`);
    assert.doesNotMatch(message, RAW, name);
  }
}

describe('an odd value', () => {
  for (const name of Object.keys(FUNCTIONS)) {
    it(`given to ${name} is taken, or an error says what is wrong with it`, async (t: TestContext) => {
      t.after(() => sender.close());
      for (const first of ODD) for (const second of SECOND) await assertSaid(name, first, second);
    });
  }
});

describe('an error that a task makes by hand', () => {
  it('says what it was given, whatever that is', () => {
    assert.equal(new api.Ignore(Symbol('why')).message, 'Symbol(why)');
    assert.equal(new api.Reject(Symbol('why')).message, 'reject requeue=False: Symbol(why)');
    assert.equal(new api.MaxRetriesExceededError('enough').message, 'enough');
    assert.deepEqual(new api.MaxRetriesExceededError('enough').taskArgs, []);
    assert.equal(new api.RemoteTaskError('text').message, 'text');
  });

  it('is no Retry: that is made by self.retry', () => {
    const message = /A Retry is made by self\.retry: throw self\.retry\(/;

    assert.throws(() => new api.Retry('busy'), { name: 'TypeError', message });
    assert.throws(() => new api.Retry('busy', 5), { name: 'TypeError', message });
    assert.throws(() => new api.Retry('busy', new Date('x'), {}), { name: 'TypeError', message });
  });
});
