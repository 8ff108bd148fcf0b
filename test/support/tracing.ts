/** An OpenTelemetry SDK in the process of a test, as a program would register one. */
import type { TestContext } from 'node:test';
import { context, propagation, type TextMapPropagator, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';

export interface SdkOptions {
  readonly propagator?: TextMapPropagator;
  readonly processors?: readonly SpanProcessor[];
  readonly sampler?: Sampler;
}

export interface Sdk {
  /** Those that have ended, in that order. */
  readonly spans: ReadableSpan[];
  /** The one of that name; throws unless there is exactly one. */
  span(name: string): ReadableSpan;
}

/** Registered until the end of the test. */
export function registerSdk(t: TestContext, options: SdkOptions = {}): Sdk {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    ...(options.sampler && { sampler: options.sampler }),
    spanProcessors: [...(options.processors ?? []), new SimpleSpanProcessor(exporter)],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  const w3c = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
  propagation.setGlobalPropagator(
    options.propagator ?? new CompositePropagator({ propagators: w3c }),
  );
  t.after(async () => {
    await provider.shutdown();
    for (const api of [trace, context, propagation]) api.disable();
  });
  return {
    get spans() {
      return exporter.getFinishedSpans();
    },
    span(name) {
      const found = exporter.getFinishedSpans().filter(span => span.name === name);
      if (found.length === 1) return found[0]!;
      const names = exporter.getFinishedSpans().map(span => span.name);
      throw new Error(`${found.length} spans are called ${name}, of ${JSON.stringify(names)}`);
    },
  };
}

export function traceparentOf(span: ReadableSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-0${traceFlags}`;
}
