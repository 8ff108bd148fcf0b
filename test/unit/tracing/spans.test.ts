import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import * as api from '@opentelemetry/api';
import { AlwaysOffSampler, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { CameTask, RunEnd, SentTask } from '../../../src/tracing/contract.ts';
import { Spans } from '../../../src/tracing/spans.ts';
import { registerSdk, traceparentOf } from '../../support/tracing.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const PARENT = `00-${TRACE}-${SPAN}-01`;

const sentTask = (headers: SentTask['headers'] = { task: 't', id: 'i' }): SentTask => ({
  task: 't',
  id: 'i',
  headers,
  exchange: '',
  exchangeType: 'direct',
  routingKey: 'celery',
});

const cameTask = (headers: CameTask['headers'] = {}, isEager = false): CameTask => ({
  task: 't',
  headers,
  isEager,
});

const OK: RunEnd = { request: undefined, state: 'SUCCESS' };
const ok = () => OK;

function spansOf(t: TestContext) {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const spans = new Spans({ api, version: '1.2.3', system: 'memory', warn });
  t.after(() => api.trace.disable());
  return { spans, warnings };
}

/** A part of the SDK of which the method throws. */
function broken<T>(methods: readonly string[]): T {
  const thrower = () => {
    throw new Error('the processor is broken');
  };
  const quiet = { forceFlush: async () => {}, shutdown: async () => {} };
  return { ...quiet, ...Object.fromEntries(methods.map(method => [method, thrower])) } as T;
}

describe('an SDK that cannot be asked for a tracer', () => {
  it('stops nothing, is told once, and is asked again', async t => {
    let isBroken = true;
    api.trace.setGlobalTracerProvider({
      getTracer() {
        if (isBroken) throw new Error('no tracer');
        return new api.ProxyTracerProvider().getTracer('t');
      },
    });
    const { spans, warnings } = spansOf(t);

    assert.equal(spans.isHeard, true);
    const sent: string[] = [];
    await spans.publish(sentTask(), async () => void sent.push('first'));
    spans.receive(cameTask())();
    assert.equal(await spans.run(cameTask(), async () => 7, ok), 7);
    isBroken = false;
    await spans.publish(sentTask(), async () => void sent.push('second'));

    assert.deepEqual(sent, ['first', 'second']);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /no tracer/);
  });
});

describe('a span of publishing', () => {
  it('is active while the message is sent, and ends after it', async t => {
    const { spans: seen, span } = registerSdk(t);
    const { spans } = spansOf(t);
    let active: api.Span | undefined;

    await spans.publish(sentTask(), async () => {
      await Promise.resolve();
      active = api.trace.getActiveSpan();
      assert.equal(seen.length, 0);
    });

    const published = span('apply_async/t');
    assert.equal(published.kind, api.SpanKind.PRODUCER);
    assert.equal(published.instrumentationScope.name, 'tscelery');
    assert.equal(published.instrumentationScope.version, '1.2.3');
    assert.equal(active?.spanContext().spanId, published.spanContext().spanId);
    assert.equal(published.status.code, api.SpanStatusCode.UNSET);
  });

  it('is named by plain headers, together with the baggage and the state of the trace', async t => {
    const { span } = registerSdk(t);
    const { spans } = spansOf(t);
    const sent = sentTask();
    const state = api.createTraceState('vendor=1');
    const remote = { traceId: TRACE, spanId: SPAN, traceFlags: 1, traceState: state };
    let base = api.trace.setSpanContext(api.ROOT_CONTEXT, remote);
    base = api.propagation.setBaggage(
      base,
      api.propagation.createBaggage({ shop: { value: '7' } }),
    );

    await api.context.with(base, () => spans.publish(sent, async () => {}));

    assert.deepEqual(sent.headers, {
      task: 't',
      id: 'i',
      traceparent: traceparentOf(span('apply_async/t')),
      tracestate: 'vendor=1',
      baggage: 'shop=7',
    });
    assert.equal(span('apply_async/t').parentSpanContext?.spanId, SPAN);
  });

  it('takes the place of the headers that an earlier try had', async t => {
    const { span } = registerSdk(t);
    const { spans } = spansOf(t);
    const sent = sentTask({ task: 't', traceparent: PARENT });

    await spans.publish(sent, async () => {});

    assert.equal(sent.headers.traceparent, traceparentOf(span('apply_async/t')));
  });

  it('leaves messages of protocol 1 without headers', async t => {
    registerSdk(t);
    const { spans } = spansOf(t);
    const sent = sentTask({});

    await spans.publish(sent, async () => {});

    assert.deepEqual(sent.headers, {});
  });

  it('tells why the message was not sent', async t => {
    const { span } = registerSdk(t);
    const { spans } = spansOf(t);
    const send = () => spans.publish(sentTask(), async () => Promise.reject(new TypeError('no')));

    await assert.rejects(send, { name: 'TypeError', message: 'no' });

    const { status, events } = span('apply_async/t');
    assert.deepEqual(status, { code: api.SpanStatusCode.ERROR, message: 'no' });
    assert.equal(events[0]?.name, 'exception');
    assert.equal(events[0]?.attributes?.['exception.type'], 'TypeError');
  });

  it('of which nobody wants to know is named by the headers all the same, as not sampled', async t => {
    const { spans: seen } = registerSdk(t, { sampler: new AlwaysOffSampler() });
    const { spans } = spansOf(t);
    const sent = sentTask();

    await spans.publish(sent, async () => {});

    assert.equal(seen.length, 0);
    assert.match(String(sent.headers.traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });
});

describe('a span of a run', () => {
  it('is below the one that the headers name, with its baggage, and active in the run', async t => {
    const { span } = registerSdk(t);
    const { spans } = spansOf(t);
    const came = cameTask({ traceparent: PARENT, tracestate: 'vendor=1', baggage: 'shop=7' });
    let baggage: string | undefined;

    const result = await spans.run(
      came,
      async () => {
        await Promise.resolve();
        baggage = api.propagation.getActiveBaggage()?.getEntry('shop')?.value;
        api.trace.getTracer('mine').startSpan('inner').end();
        return 'done';
      },
      ok,
    );

    const run = span('run/t');
    assert.equal(result, 'done');
    assert.equal(baggage, '7');
    assert.equal(run.kind, api.SpanKind.CONSUMER);
    assert.equal(run.spanContext().traceId, TRACE);
    assert.equal(run.parentSpanContext?.spanId, SPAN);
    assert.equal(run.parentSpanContext?.isRemote, true);
    assert.equal(run.spanContext().traceState?.get('vendor'), '1');
    assert.equal(span('inner').parentSpanContext?.spanId, run.spanContext().spanId);
  });

  it('begins a trace when the headers name none, also where another span is active', async t => {
    const { span } = registerSdk(t);
    const { spans } = spansOf(t);

    await api.trace.getTracer('mine').startActiveSpan('outer', async outer => {
      await spans.run(cameTask(), async () => {}, ok);
      outer.end();
    });

    assert.equal(span('run/t').parentSpanContext, undefined);
  });

  it('is below what is active when the caller runs the task itself', async t => {
    const { span } = registerSdk(t);
    const { spans } = spansOf(t);

    await api.trace.getTracer('mine').startActiveSpan('outer', async outer => {
      await spans.run(cameTask({}, true), async () => {}, ok);
      outer.end();
    });

    assert.equal(span('run/t').parentSpanContext?.spanId, span('outer').spanContext().spanId);
  });

  it('ends when the run throws', async t => {
    const { span } = registerSdk(t);
    const { spans } = spansOf(t);
    const run = spans.run(cameTask(), async () => Promise.reject(new Error('no')), ok);

    await assert.rejects(run, { message: 'no' });

    assert.equal(span('run/t').ended, true);
  });

  it('asks how the run ended only when somebody records it', async t => {
    registerSdk(t, { sampler: new AlwaysOffSampler() });
    const { spans } = spansOf(t);
    let asked = 0;

    await spans.run(
      cameTask({ traceparent: PARENT.replace(/01$/, '00') }),
      async () => {},
      () => {
        asked += 1;
        return OK;
      },
    );

    assert.equal(asked, 0);
  });

  it('is in no trace of values that are none', async t => {
    const { spans: seen } = registerSdk(t);
    const { spans, warnings } = spansOf(t);
    const bad: unknown[] = [
      ...['', ' ', 'x', '00', '00-0-0-00', `ff-${TRACE}-${SPAN}-01`, `${PARENT}-more`],
      ...[`00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`],
      ...[PARENT.toUpperCase(), 'é'.repeat(55), '\0'.repeat(55)],
      ...['0'.repeat(10_000_000), `00-${'a'.repeat(1_000_000)}-01`],
      ...[null, 7, true, {}, [PARENT], new Date(), Buffer.from(PARENT)],
    ];

    for (const traceparent of bad) {
      const headers = { traceparent, tracestate: traceparent, baggage: traceparent };
      await spans.run(cameTask(headers as CameTask['headers']), async () => {}, ok);
    }

    assert.equal(seen.length, bad.length);
    assert.deepEqual(seen.filter(span => span.spanContext().traceId === TRACE).length, 0);
    assert.deepEqual(warnings, []);
  });

  it('survives states and baggage of any size and kind', async t => {
    const { spans: seen } = registerSdk(t);
    const { spans } = spansOf(t);
    const odd: unknown[] = ['=', ',,,', 'a=b'.repeat(3000), 'k=%', 'k=%zz', `k=${'v'.repeat(9e6)}`];

    for (const value of [...odd, 7, null, {}]) {
      const headers = { traceparent: PARENT, tracestate: value, baggage: value };
      await spans.run(cameTask(headers as CameTask['headers']), async () => {}, ok);
    }

    assert.equal(seen.length, 9);
    assert.ok(seen.every(span => span.parentSpanContext?.spanId === SPAN));
  });
});

describe('a span of receiving', () => {
  it('lasts until the request is handed on, once', async t => {
    const { spans: seen, span } = registerSdk(t);
    const { spans, warnings } = spansOf(t);

    const end = spans.receive(cameTask({ traceparent: PARENT }));
    assert.equal(seen.length, 0);
    end();

    assert.equal(span('receive/t').parentSpanContext?.spanId, SPAN);
    assert.equal(span('receive/t').attributes['celery.action'], 'receive');
    assert.deepEqual(warnings, []);
  });
});

describe('tracing without an SDK', () => {
  it('knows that nobody listens, and hears of one that comes later', t => {
    const { spans } = spansOf(t);
    assert.equal(spans.isHeard, false);

    registerSdk(t);
    assert.equal(spans.isHeard, true);
  });

  it('does what it is asked for, and leaves the headers alone', async t => {
    const { spans, warnings } = spansOf(t);
    const sent = sentTask({ task: 't', traceparent: PARENT });
    let done = 0;
    const count = async () => {
      done += 1;
    };

    await spans.publish(sent, count);
    await spans.run(cameTask({ traceparent: PARENT }), count, ok);
    spans.receive(cameTask())();

    assert.equal(done, 2);
    assert.deepEqual(sent.headers, { task: 't', traceparent: PARENT });
    assert.deepEqual(warnings, []);
  });

  it('sees one that is registered after its first span', async t => {
    const { spans } = spansOf(t);
    await spans.run(cameTask(), async () => {}, ok);

    const { spans: seen } = registerSdk(t);
    await spans.run(cameTask(), async () => {}, ok);

    assert.equal(seen.length, 1);
  });
});

describe('an SDK that throws', () => {
  const cases: Record<string, Parameters<typeof registerSdk>[1]> = {
    'when a span starts': { processors: [broken<SpanProcessor>(['onStart', 'onEnd'])] },
    'when a span ends': { processors: [{ ...broken<SpanProcessor>(['onEnd']), onStart() {} }] },
    'when it samples': { sampler: broken(['shouldSample']) },
    'when it reads or writes headers': { propagator: broken(['inject', 'extract', 'fields']) },
  };

  for (const [when, options] of Object.entries(cases)) {
    it(`${when} stops no task, is reported once, and hides no error of the task`, async t => {
      registerSdk(t, options);
      const { spans, warnings } = spansOf(t);
      const done: string[] = [];
      const fails = async () => Promise.reject(new Error('of the task'));

      await spans.publish(sentTask(), async () => void done.push('sent'));
      await spans.run(cameTask({ traceparent: PARENT }), async () => void done.push('ran'), ok);
      spans.receive(cameTask())();
      await assert.rejects(spans.publish(sentTask(), fails), { message: 'of the task' });
      await assert.rejects(spans.run(cameTask(), fails, ok), { message: 'of the task' });

      assert.deepEqual(done, ['sent', 'ran']);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, /^Tracing failed: Error: the processor is broken/);
    });
  }

  it('in its context manager calls nothing twice', async t => {
    registerSdk(t);
    const { spans, warnings } = spansOf(t);
    api.context.disable();
    const manager = broken<api.ContextManager>(['with']);
    api.context.setGlobalContextManager({
      ...manager,
      active: () => api.ROOT_CONTEXT,
      disable: () => manager,
    });
    const done: string[] = [];

    await spans.run(cameTask(), async () => void done.push('ran'), ok);
    await spans.publish(sentTask(), async () => void done.push('sent'));

    assert.deepEqual(done, ['ran', 'sent']);
    assert.equal(warnings.length, 1);
  });

  it('is reported when what tells of the end of a run throws', async t => {
    const { span } = registerSdk(t);
    const { spans, warnings } = spansOf(t);
    const bad = () => {
      throw new Error('an odd outcome');
    };

    assert.equal(await spans.run(cameTask(), async () => 'done', bad), 'done');

    assert.equal(span('run/t').ended, true);
    assert.match(warnings[0]!, /an odd outcome/);
  });
});
