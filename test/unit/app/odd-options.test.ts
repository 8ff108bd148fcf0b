import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { binding, broadcast, Celery, exchange, queue, workerDirect } from '../../../src/index.ts';
import { createTestApp } from '../../../src/testing/index.ts';

/** JavaScript calls with whatever it likes. */
// biome-ignore lint/suspicious/noExplicitAny: as a caller without a compiler
const untyped = <T>(value: T): any => value;

/** What is called, and what its error says. */
type Refused = readonly [call: () => unknown, message: RegExp];

async function assertRefused(cases: readonly Refused[]): Promise<void> {
  for (const [call, message] of cases) {
    await assert.rejects(async () => await call(), { name: 'TypeError', message });
  }
}

describe('a result', () => {
  it('refuses options that do not exist or are of the wrong kind, in every method', async () => {
    const result = untyped(new Celery('proj').AsyncResult('some-id'));

    await assertRefused([
      [() => result.get(5), /options of get must be an object such as \{ timeout: … \}, got 5/],
      [() => result.get({ timeot: 5 }), /no option "timeot" of get\. Did you mean "timeout"\?/],
      [() => result.get({ timeout: '5' }), /timeout must be a number of seconds, got '5'/],
      [() => result.get({ timeout: Number.NaN }), /timeout must be a number of seconds, got nan/],
      [() => result.get({ timeout: 1_800_000_000_000 }), /milliseconds: 1800000000\?/],
      [
        () => result.get({ timeout: 1e15 }),
        /got 1000000000000000\. It has to be below 1e11 seconds/,
      ],
      [() => result.get(AbortSignal.timeout(9)), /options of get must be an object/],
      [() => result.state({ signl: 1 }), /no option "signl" of a result\. Did you mean "signal"/],
      [() => result.forget({ timeuot: 1 }), /no option "timeuot" of forget/],
      [() => result.updates({ timeuot: 1 }).next(), /no option "timeuot" of updates/],
      [() => result.revoke({ terminat: true }), /Did you mean "terminate"/],
      [() => result.revoke({ signal: 'SIGTRM' }), /signal must be a signal.*"SIGTERM"\?/],
      [() => result.onReady(5), /callback of onReady must be a function, got 5/],
    ]);
  });

  it('of a run in this process refuses the same', async () => {
    const add = new Celery('proj').task('proj.add', (x: number) => x);
    const result = untyped(await add.apply([1]));

    await assertRefused([
      [() => result.get(5), /options of get must be an object/],
      [() => result.ready({ timeot: 5 }), /no option "timeot"/],
      [() => result.revoke({ terminat: true }), /no option "terminat"/],
    ]);
    assert.equal(await result.get({ timeout: -1 }), 1);
  });
});

describe('remote control', () => {
  it('refuses arguments and options that do not exist or are of the wrong kind', async () => {
    const control = untyped(new Celery('proj').control);

    await assertRefused([
      [() => control.ping({ timeot: 1 }), /Did you mean "timeout"/],
      [() => control.ping({ timeout: Number.NaN }), /timeout must be a number of seconds/],
      [() => control.ping({ onReply: 'print' }), /onReply must be a function, got 'print'/],
      [() => control.ping({ destination: 'w1' }), /must be a list of node names, got 'w1'/],
      [() => control.call(5), /The command must be a text that is not empty, got 5/],
      [() => control.call('stats', 5), /The arguments of "stats" must be an object, got 5/],
      [() => control.call('stats', {}, { matcher: 'globb' }), /"pcre", got 'globb'.*"glob"\?/],
      [() => control.broadcast('shutdown', {}, { timeout: 1 }), /no option "timeout"/],
      [() => control.revoke(5), /revoke takes first must be the id of a task/],
      [() => control.terminate('x', { signall: 1 }), /Did you mean "signal"/],
    ]);
  });
});

describe('queues, exchanges and bindings', () => {
  it('refuse options that do not exist or are of the wrong kind', async () => {
    const make = untyped({ queue, exchange, binding, broadcast, workerDirect });

    await assertRefused([
      [() => make.queue('a', { durabel: true }), /no option "durabel" of a queue.*"durable"/],
      [() => make.queue('a', { exchange: 'fx' }), /exchange must be an exchange, as exchange/],
      [() => make.queue('a', { messageTtl: '5' }), /messageTtl must be a number of seconds/],
      [() => make.queue('a', { bindings: [5] }), /bindings must be a list, each a binding/],
      [() => make.queue(), /The name of a queue must be a text that is not empty, got None/],
      [() => make.exchange('x', 'fanuot'), /type of the exchange "x" must be .*"fanout"\?/],
      [() => make.exchange('x', 'topic', { durble: 1 }), /Did you mean "durable"/],
      [() => make.binding('x'), /The exchange of a binding must be an exchange/],
      [() => make.binding(exchange('x'), 5), /The routing key of a binding must be a text/],
      [() => make.broadcast('b', { nmae: 'c' }), /Did you mean "name"/],
      [() => make.workerDirect(5), /node name of workerDirect must be a text/],
    ]);
  });

  it('take null and undefined for not given', () => {
    const made = queue('a', { durable: undefined, expires: null } as never);

    assert.equal(made.durable, true);
    assert.deepEqual(made, queue('a'));
  });
});

describe('an app', () => {
  it('refuses options of its methods that do not exist or are of the wrong kind', async () => {
    const app = untyped(new Celery('proj'));

    await assertRefused([
      [() => app.load({ confg: 'x' }), /no option "confg" of load\. Did you mean "config"/],
      [() => app.configFromObject(5), /configFromObject takes first must be an object/],
      [() => app.configFromObject({}, { namspace: 'X' }), /Did you mean "namespace"/],
      [() => app.configFromEnvvar(5), /variable of configFromEnvvar must be a text/],
      [() => app.configFromEnvvar('X', { silnt: true }), /Did you mean "silent"/],
      [() => app.autodiscoverTasks('proj'), /must be a list of packages/],
      [() => app.autodiscoverTasks([], { relatedNam: 'x' }), /Did you mean "relatedName"/],
      [() => app.setupSecurity({ certt: 'x' }), /Did you mean "cert"/],
      [() => app.registerError(5), /registerError takes must be the class of an error, got 5/],
      [() => app.worker({ concurency: 1 }), /Did you mean "concurrency"/],
      [
        () => app.worker({ heartbeatInterval: 0 }),
        /heartbeatInterval must be .*0\.1 or more, got 0/,
      ],
      [() => app.worker({ autoscale: '10,2' }), /autoscale must be the bounds .*got '10,2'/],
      [() => app.worker({ autoscale: { maxx: 3 } }), /autoscale must be .*Did you mean "max"/],
      [() => app.worker({ autoscale: { max: '3' } }), /Its max must be a whole number/],
      [() => app.worker({ autoscale: { max: 3, min: 10 } }), /max at least 1 and not below min/],
      [() => app.worker({ autoscale: { min: 0 } }), /max at least 1/],
      [() => app.worker({ autoscale: { max: 0 } }), /max at least 1/],
      [() => app.control.autoscale({ max: 1.5 }), /max of autoscale must be a whole number/],
      [() => app.control.autoscale({ min: -1 }), /min of autoscale must be a whole number/],
      [() => app.worker({ optimization: 'fari' }), /must be "default" or "fair".*"fair"/],
      [() => app.worker({ loglevel: 'infoo' }), /loglevel must be .*Did you mean "info"/],
      [() => app.worker({ queues: 'feeds' }), /queues must be a list of texts/],
      [() => app.worker().stop({ timeot: 1 }), /Did you mean "timeout"/],
      [() => app.signals.taskPrerun.connect(5), /receiver of the signal taskPrerun must be/],
      [() => app.signals.taskPrerun.connect(() => {}, { sendr: 'x' }), /Did you mean "sender"/],
      [() => app.sendTask(), /name of the task that sendTask takes must be a text/],
    ]);
  });
});

describe('a task', () => {
  it('whose declaration can have no effect is refused', async () => {
    const app = new Celery('proj');
    const declare = (options: object) => () => app.task('proj.t', options, () => 1);

    await assertRefused([
      [declare({ rateLimit: '10/x' }), /rateLimit must be a rate such as .*, got '10\/x'/],
      [declare({ autoretryFor: ['Error'] }), /autoretryFor must be a list of error classes/],
      [declare({ retry: { for: ['Error'] } }), /for must be a list of error classes/],
      [declare({ throws: ['Error'] }), /throws must be a list of error classes/],
      [declare({ handlers: { onFailur: () => {} } }), /no "onFailur"\. Did you mean "onFailure"/],
      [declare({ priority: 'hihg' }), /priority must be .*Did you mean "high"/],
      [declare({ deliveryMode: 'persitent' }), /Did you mean "persistent"/],
      [declare({ schema: {} }), /schema must be a Standard Schema/],
    ]);
    assert.equal(app.tasks.size, 0);
  });
});

describe('a call', () => {
  it('as Python writes it is refused, and the error says how it is written here', async t => {
    const app = new Celery('proj');
    const add = app.task('proj.add', (x: number, y: number) => x + y);
    const testApp = await createTestApp(app);
    t.after(() => testApp.stop());
    const call = untyped(add);

    await assertRefused([
      [
        () => call.applyAsync([4], { y: 3 }),
        /no option "y".*go into kwargs: \{ kwargs: \{ y: 3 \} \}/,
      ],
      [() => call.apply([4], { y: 3 }), /go into kwargs: \{ kwargs: \{ y: 3 \} \}/],
      [() => call.applyAsync([4], {}, { queue: 'a' }), /got \{'queue': 'a'\} after \{\}.*kwargs/],
      [() => call.apply([4], {}, { queue: 'a' }), /got \{'queue': 'a'\} after \{\}/],
      [() => untyped(app).sendTask('a', [], {}, 5), /sendTask takes .*got 5 after \{\}/],
      [() => call.applyAsync(4), /The arguments of a call must be a list, got 4/],
      [() => call.applyAsync([4, 3], null), /options of a call must be an object.*got None/],
    ]);
    assert.deepEqual(testApp.sent, []);
  });
});

describe('a call that follows', () => {
  it('is refused with options that nobody would read', async () => {
    const app = untyped(new Celery('proj', { broker: 'memory://' }));
    const call = (options: object) => () =>
      app.sendTask('proj.a', [], { link: [{ task: 'proj.b', options }] });
    const nested = { link_error: { task: 'proj.c', options: { queu: 'q' } } };

    await assertRefused([
      [
        call({ countdwn: 5 }),
        /link .*options .*There is no "countdwn"\. Did you mean "countdown"\?/,
      ],
      [call({ routingKey: 'x' }), /Did you mean "routing_key"\?/],
      [call({ countdown: '5' }), /Its countdown must be a number of seconds/],
      [call({ expires_in: 5, stamped_headers: ['expires'] }), /no "expires_in"/],
      [call(nested), /There is no "queu"\. Did you mean "queue"\?/],
      [
        () => app.sendTask('a', [], { linkError: { task: 'b', options: { queu: 1 } } }),
        /"queue"\?/,
      ],
    ]);
    await call({ queue: 'q', stamped_headers: ['visitor'], visitor: 'me' })();
    await app.close();
  });
});

describe('closing an app', () => {
  it('takes no options', async () => {
    const app = untyped(new Celery('proj'));

    await assertRefused([[() => app.close({ timeout: 5 }), /no option "timeout" of close/]]);
    await app.close('SIGTERM', 15);
  });
});
