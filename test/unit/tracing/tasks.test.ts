/** Traces of tasks, with the broker, the worker and the SDK in this process. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { Celery, type CeleryConfig, Ignore, Reject } from '../../../src/index.ts';
import { startTestWorker } from '../../../src/testing/index.ts';
import { registerSdk, traceparentOf } from '../../support/tracing.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

class Expected extends Error {}

function shop(settings: CeleryConfig = {}) {
  const app = new Celery('shop', { broker: 'memory://', task_tracing: true, ...settings });
  const task = (name: string, run: () => unknown, options: object = {}) =>
    app.task(name, { ...options }, run);
  const inner = trace.getTracer('mine');
  return {
    app,
    add: app.task('shop.add', async (x: number, y: number) => {
      await pause(1);
      inner.startSpan('inner').end();
      return x + y;
    }),
    plain: app.task('shop.plain', () => inner.startSpan('inner').end()),
    fails: task('shop.fails', () => {
      throw new TypeError('broken');
    }),
    expected: task(
      'shop.expected',
      () => {
        throw new Expected('as said');
      },
      { throws: [Expected] },
    ),
    ignored: task('shop.ignored', () => {
      throw new Ignore();
    }),
    rejected: task(
      'shop.rejected',
      () => {
        throw new Reject('not mine');
      },
      { acksLate: true },
    ),
    again: app.task('shop.again', { bind: true }, self => {
      const { retries } = self.request;
      if (retries < 2) throw self.retry({ countdown: 0, exc: new Error(`try ${retries}`) });
      return retries;
    }),
    baggage: app.task(
      'shop.baggage',
      () => propagation.getActiveBaggage()?.getEntry('customer')?.value,
    ),
    headers: app.task('shop.headers', { bind: true }, self => self.request.headers),
  };
}

async function open(t: TestContext, settings: CeleryConfig = {}) {
  const sdk = registerSdk(t);
  const tasks = shop(settings);
  const worker = await startTestWorker(tasks.app);
  t.after(() => worker.stop());
  return { ...tasks, sdk, worker };
}

const idOf = (span: { spanContext(): { spanId: string } }) => span.spanContext().spanId;

describe('a traced task', () => {
  it('has its run below its publishing, and the spans of its code below its run', async t => {
    const { add, sdk, worker } = await open(t);

    const result = await trace.getTracer('mine').startActiveSpan('request', async request => {
      const sent = await add.delay(1, 2);
      request.end();
      return sent;
    });
    assert.equal(await result.get({ timeout: 5 }), 3);
    await worker.drain();

    const [publish, run] = [sdk.span('apply_async/shop.add'), sdk.span('run/shop.add')];
    assert.equal(publish.parentSpanContext?.spanId, idOf(sdk.span('request')));
    assert.equal(run.parentSpanContext?.spanId, idOf(publish));
    assert.equal(sdk.span('inner').parentSpanContext?.spanId, idOf(run));
    assert.equal(sdk.span('receive/shop.add').parentSpanContext?.spanId, idOf(publish));
    assert.deepEqual([publish.kind, run.kind], [SpanKind.PRODUCER, SpanKind.CONSUMER]);
    assert.equal(new Set(sdk.spans.map(span => span.spanContext().traceId)).size, 1);
  });

  it("says what Python's instrumentation says", async t => {
    const { add, sdk, worker } = await open(t);

    const { id } = await add.applyAsync([1, 2], { timeLimit: 20, softTimeLimit: 10 });
    await worker.drain();

    assert.deepEqual(sdk.span('apply_async/shop.add').attributes, {
      'celery.action': 'apply_async',
      'celery.task_name': 'shop.add',
      'messaging.message.id': id,
      'messaging.destination': 'celery',
      'messaging.destination_kind': 'queue',
      'messaging.system': 'memory',
    });
    const { attributes } = sdk.span('run/shop.add');
    assert.equal(attributes['celery.action'], 'run');
    assert.equal(attributes['celery.state'], 'SUCCESS');
    assert.equal(attributes['celery.task_name'], 'shop.add');
    assert.equal(attributes['messaging.message.id'], id);
    assert.equal(attributes['messaging.conversation_id'], id);
    assert.equal(attributes['messaging.destination'], 'celery');
    assert.match(
      String(attributes['celery.delivery_info']),
      /^\{'exchange': '', 'routing_key': 'celery'/,
    );
    assert.match(String(attributes['celery.hostname']), /^gen\d+@/);
    assert.deepEqual(attributes['celery.timelimit'], [20, 10]);
  });

  it('that runs synchronously has its span active, too', async t => {
    const { plain, sdk, worker } = await open(t);

    await plain.delay();
    await worker.drain();

    assert.equal(sdk.span('inner').parentSpanContext?.spanId, idOf(sdk.span('run/shop.plain')));
  });

  it('carries its context in plain headers, which the task sees beside its own', async t => {
    const { headers, sdk } = await open(t);

    const result = await headers.applyAsync([], { headers: { mine: 1 } });

    assert.deepEqual(await result.get({ timeout: 5 }), {
      mine: 1,
      traceparent: traceparentOf(sdk.span('apply_async/shop.headers')),
    });
  });

  it('has the baggage of its caller', async t => {
    const { baggage } = await open(t);
    const given = propagation.createBaggage({ customer: { value: '7' } });

    const result = await context.with(propagation.setBaggage(ROOT_CONTEXT, given), () =>
      baggage.delay(),
    );

    assert.equal(await result.get({ timeout: 5 }), '7');
  });

  it('shows headers and context to receivers of the publishing', async t => {
    const { plain, app, sdk, worker } = await open(t);
    const seen: unknown[] = [];
    app.signals.beforeTaskPublish.connect(({ headers }) => {
      seen.push(headers.traceparent, trace.getActiveSpan()?.spanContext().spanId);
    });

    await plain.delay();
    await worker.drain();

    const publish = sdk.span('apply_async/shop.plain');
    assert.deepEqual(seen, [traceparentOf(publish), idOf(publish)]);
  });

  it('is active in all signals of the run', async t => {
    const { plain, app, sdk, worker } = await open(t);
    const seen: unknown[] = [];
    const note = () => void seen.push(trace.getActiveSpan()?.spanContext().spanId);
    for (const name of ['taskPrerun', 'taskSuccess', 'taskPostrun'] as const) {
      app.signals[name].connect(note);
    }

    await plain.delay();
    await worker.drain();

    assert.deepEqual(seen, Array(3).fill(idOf(sdk.span('run/shop.plain'))));
  });

  it('with a priority by name is traced as any other', async t => {
    const { plain, sdk, worker } = await open(t);

    await plain.applyAsync([], { priority: 'high' });
    await worker.drain();

    const publish = sdk.span('apply_async/shop.plain');
    assert.equal(sdk.span('run/shop.plain').parentSpanContext?.spanId, idOf(publish));
  });

  it('that cannot be published has an error in its span, and the caller gets it', async t => {
    const { plain, sdk } = await open(t);

    const sent = plain.applyAsync([], { exchange: 'nowhere', routingKey: 'x', mandatory: true });

    await assert.rejects(sent);
    const { status, events } = sdk.span('apply_async/shop.plain');
    assert.equal(status.code, SpanStatusCode.ERROR);
    assert.equal(events.length, 1);
  });

  it('that is refused before it is a message has no span', async t => {
    const { add, sdk } = await open(t);

    await assert.rejects(add.applyAsync([1, 2], { headers: { bad: () => 1 } as never }));

    assert.deepEqual(sdk.spans, []);
  });

  it('does not hand its context to the next one', async t => {
    const { add, plain, sdk, worker } = await open(t);

    await Promise.all([add.delay(1, 2), plain.delay(), add.delay(3, 4), plain.delay()]);
    await worker.drain();

    const runs = sdk.spans.filter(span => span.name.startsWith('run/'));
    const sent = sdk.spans.filter(span => span.name.startsWith('apply_async/'));
    assert.equal(runs.length, 4);
    assert.equal(new Set(sdk.spans.map(span => span.spanContext().traceId)).size, 4);
    assert.deepEqual(runs.map(run => run.parentSpanContext?.spanId).sort(), sent.map(idOf).sort());
    const inner = sdk.spans.filter(span => span.name === 'inner');
    assert.deepEqual(
      inner.map(span => span.parentSpanContext?.spanId).sort(),
      runs.map(idOf).sort(),
    );
  });
});

describe('the end of a traced task', () => {
  it('is an error when it fails', async t => {
    const { fails, sdk, worker } = await open(t);

    await fails.delay();
    await worker.drain();

    const { status, events, attributes } = sdk.span('run/shop.fails');
    assert.deepEqual(status, { code: SpanStatusCode.ERROR, message: 'broken' });
    assert.equal(attributes['celery.state'], 'FAILURE');
    assert.equal(events.length, 1);
    assert.equal(events[0]?.attributes?.['exception.type'], 'TypeError');
    assert.equal(events[0]?.attributes?.['exception.message'], 'broken');
    assert.match(String(events[0]?.attributes?.['exception.stacktrace']), /tasks\.test\.ts/);
  });

  it('is no error when the task announced what it throws, ignores or rejects', async t => {
    const { expected, ignored, rejected, sdk, worker } = await open(t);

    await expected.delay();
    await ignored.delay();
    await rejected.delay();
    await worker.drain();

    for (const [name, state] of [
      ['expected', 'FAILURE'],
      ['ignored', 'IGNORED'],
      ['rejected', 'REJECTED'],
    ]) {
      const { status, events, attributes } = sdk.span(`run/shop.${name}`);
      assert.equal(status.code, SpanStatusCode.UNSET, name);
      assert.equal(attributes['celery.state'], state);
      assert.equal(events.length, 0);
    }
  });

  it('is a step in one trace when it is tried again', async t => {
    const { again, sdk, worker } = await open(t);

    await again.applyAsync([], { headers: { mine: 1 } });
    await worker.drain();

    const order = ['apply_async', 'run'].map(kind =>
      sdk.spans.filter(span => span.name === `${kind}/shop.again`),
    );
    const [sent = [], runs = []] = order;
    const byStart = (spans: typeof sent) =>
      [...spans].sort((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1]);
    const [first, second, third] = byStart(runs);
    const [, again1, again2] = byStart(sent);
    assert.equal(again1?.parentSpanContext?.spanId, first && idOf(first));
    assert.equal(second?.parentSpanContext?.spanId, again1 && idOf(again1));
    assert.equal(again2?.parentSpanContext?.spanId, second && idOf(second));
    assert.equal(third?.parentSpanContext?.spanId, again2 && idOf(again2));
    assert.equal(first?.attributes['celery.state'], 'RETRY');
    assert.equal(first?.status.code, SpanStatusCode.UNSET);
    assert.match(
      String(first?.attributes['celery.retry.reason']),
      /^Retry in 0s: Error\('try 0',?\)$/,
    );
    assert.equal(first?.attributes['celery.retries'], undefined);
    assert.equal(third?.attributes['celery.retries'], 2);
    assert.equal(third?.attributes['celery.state'], 'SUCCESS');
  });

  it('is an error when its message cannot be read', async t => {
    const { add, app, sdk, worker } = await open(t);
    app.signals.beforeTaskPublish.connect(({ message }) => {
      Object.assign(message, { body: '[' });
    });

    await add.delay(1, 2);
    await worker.drain();

    const { status, attributes } = sdk.span('run/shop.add');
    assert.equal(status.code, SpanStatusCode.ERROR);
    assert.match(String(status.message), /JSON/);
    assert.equal(attributes['celery.state'], 'FAILURE');
  });

  it('has what follows it below its run', async t => {
    const { add, sdk, worker } = await open(t);

    await add.applyAsync([1, 2], { link: { task: 'shop.headers', immutable: true } });
    await worker.drain();

    const callback = sdk.span('apply_async/shop.headers');
    assert.equal(callback.parentSpanContext?.spanId, idOf(sdk.span('run/shop.add')));
    assert.equal(sdk.span('run/shop.headers').parentSpanContext?.spanId, idOf(callback));
  });
});

describe('a message with the headers of another peer', () => {
  it('has its run below what they name', async t => {
    const { sdk, worker } = await open(t);
    // one who traces nothing sends what it is given
    const { app } = shop({ task_tracing: false });
    t.after(() => app.close());
    app.conf.update({ broker_url: worker.app.conf.broker_url });

    await app.sendTask('shop.add', [1, 2], { headers: { traceparent: PARENT, tracestate: 'a=1' } });
    await worker.drain();

    const run = sdk.span('run/shop.add');
    assert.equal(run.spanContext().traceId, '0af7651916cd43dd8448eb211c80319c');
    assert.equal(run.parentSpanContext?.spanId, 'b7ad6b7169203331');
    assert.equal(run.spanContext().traceState?.serialize(), 'a=1');
  });
});

describe('an eager task', () => {
  it('runs below the span of its caller', async t => {
    const sdk = registerSdk(t);
    const { app, add } = shop({ task_always_eager: true });
    t.after(() => app.close());

    await trace.getTracer('mine').startActiveSpan('request', async request => {
      await add.delay(1, 2);
      request.end();
    });

    const run = sdk.span('run/shop.add');
    assert.equal(run.parentSpanContext?.spanId, idOf(sdk.span('request')));
    assert.equal(sdk.spans.filter(span => span.name.startsWith('apply_async')).length, 0);
  });
});

describe('a task that is not traced', () => {
  it('has no span and no header, although an SDK is registered', async t => {
    const { headers, sdk } = await open(t, { task_tracing: false });

    const result = await headers.delay();

    assert.deepEqual(await result.get({ timeout: 5 }), {});
    assert.deepEqual(sdk.spans, []);
  });

  it('is traced as soon as the setting says so', async t => {
    const { headers, app, sdk } = await open(t, { task_tracing: false });
    await headers.delay();

    app.conf.update({ task_tracing: true });
    await (await headers.delay()).get({ timeout: 5 });

    assert.equal(sdk.span('apply_async/shop.headers').ended, true);
  });

  it('keeps the headers of a caller who traces, for those who come after it', async t => {
    const { headers } = await open(t, { task_tracing: false });

    const result = await headers.applyAsync([], { headers: { traceparent: PARENT } });

    assert.deepEqual(await result.get({ timeout: 5 }), { traceparent: PARENT });
  });
});
