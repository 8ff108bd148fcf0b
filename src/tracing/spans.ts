/**
 * Tracing with `@opentelemetry/api`: names, kinds and parents of spans are those of Python's
 * `opentelemetry-instrumentation-celery`, and so are the headers that carry them. Spans of
 * receiving are ours.
 */
import type * as Api from '@opentelemetry/api';
import type { Context, Span, Tracer } from '@opentelemetry/api';
import { errorShape } from '../base/text/error-text.ts';
import { cameAttributes, runAttributes, sentAttributes, shownError } from './attributes.ts';
import { readField, writeField } from './carrier.ts';
import type { CameTask, RunEnd, SentTask, Tracing } from './contract.ts';

export interface SpansHost {
  readonly api: typeof Api;
  readonly version: string;
  /** The broker, as `messaging.system`. */
  readonly system: string;
  warn(message: string): void;
}

/** A span that began, and the context in which what it spans is done. */
interface Begun {
  readonly span: Span;
  readonly context: Context;
}

export class Spans implements Tracing {
  readonly #api: typeof Api;
  #known: Tracer | undefined;
  readonly #version: string;
  readonly #system: string;
  readonly #warn: (message: string) => void;
  #hasWarned = false;

  constructor({ api, version, system, warn }: SpansHost) {
    this.#api = api;
    this.#version = version;
    this.#system = system;
    this.#warn = warn;
  }

  get isHeard(): boolean {
    const { trace, ProxyTracerProvider } = this.#api;
    const isThere = this.#attempt(() => {
      const provider = trace.getTracerProvider();
      if (!(provider instanceof ProxyTracerProvider)) return true;
      return provider.getDelegateTracer('tscelery') !== undefined;
    });
    // one that fails is there, and has been told of
    return isThere ?? true;
  }

  /** Finds an SDK that is registered later, too. */
  get #tracer(): Tracer {
    this.#known ??= this.#api.trace.getTracer('tscelery', this.#version);
    return this.#known;
  }

  async publish(sent: SentTask, send: () => Promise<void>): Promise<void> {
    const begun = this.#attempt(() => this.#beginPublish(sent));
    if (!begun) return send();
    try {
      await this.#inside(begun.context, send);
    } catch (error) {
      this.#attempt(() => this.#fail(begun.span, errorShape(error)));
      throw error;
    } finally {
      this.#end(begun.span);
    }
  }

  receive(came: CameTask): () => void {
    const begun = this.#beginCame(came, 'receive');
    return () => {
      if (begun) this.#end(begun.span);
    };
  }

  async run<T>(
    came: CameTask,
    execute: () => Promise<T>,
    ended: (result: T) => RunEnd,
  ): Promise<T> {
    const begun = this.#beginCame(came, 'run');
    if (!begun) return execute();
    try {
      const result = await this.#inside(begun.context, execute);
      this.#attempt(() => this.#tell(begun.span, () => ended(result)));
      return result;
    } finally {
      this.#end(begun.span);
    }
  }

  /** In any case calls `doIt`, which is async, once. */
  #inside<T>(context: Context, doIt: () => Promise<T>): Promise<T> {
    let doing: Promise<T> | undefined;
    this.#attempt(() =>
      this.#api.context.with(context, () => {
        doing = doIt();
      }),
    );
    return doing ?? doIt();
  }

  #beginPublish(sent: SentTask): Begun {
    const { context, propagation, SpanKind } = this.#api;
    const begun = this.#begin(`apply_async/${sent.task}`, context.active(), {
      kind: SpanKind.PRODUCER,
      attributes: sentAttributes(sent, this.#system),
    });
    // protocol 1 has no headers, for Python neither
    if ('task' in sent.headers) {
      this.#attempt(() => propagation.inject(begun.context, sent.headers, writeField));
    }
    return begun;
  }

  #beginCame(came: CameTask, action: 'run' | 'receive'): Begun | undefined {
    return this.#attempt(() =>
      this.#begin(`${action}/${came.task}`, this.#parentOf(came), {
        kind: this.#api.SpanKind.CONSUMER,
        attributes: cameAttributes(came, action, this.#system),
      }),
    );
  }

  #begin(name: string, parent: Context, options: Api.SpanOptions): Begun {
    const span = this.#tracer.startSpan(name, options, parent);
    return { span, context: this.#api.trace.setSpan(parent, span) };
  }

  /** Of what came from a broker nobody in this process is the parent, whose context may be active here. */
  #parentOf({ headers, isEager }: CameTask): Context {
    const { context, propagation, ROOT_CONTEXT } = this.#api;
    const base = isEager ? context.active() : ROOT_CONTEXT;
    return this.#attempt(() => propagation.extract(base, headers, readField)) ?? base;
  }

  #tell(span: Span, ended: () => RunEnd): void {
    if (!span.isRecording()) return;
    const end = ended();
    span.setAttributes(runAttributes(end));
    if (end.error) this.#fail(span, end.error);
  }

  #fail(span: Span, error: NonNullable<RunEnd['error']>): void {
    if (!span.isRecording()) return;
    const shown = shownError(error);
    span.recordException(shown);
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: shown.message });
  }

  #end(span: Span): void {
    this.#attempt(() => span.end());
  }

  /** What a processor, sampler or propagator of the program throws is not the task's fault. */
  #attempt<T>(doIt: () => T): T | undefined {
    try {
      return doIt();
    } catch (error) {
      if (!this.#hasWarned) this.#warn(`Tracing failed: ${errorShape(error).stack}`);
      this.#hasWarned = true;
      return undefined;
    }
  }
}
