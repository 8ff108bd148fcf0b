/**
 * The document of a task as a serializer can write it when it cannot write everything: what is
 * beside the result must not cost the result.
 */
import { saferepr } from '../base/text/saferepr.ts';
import type { WireException } from '../wire/result-shapes.ts';
import type { ResultMeta } from '../wire/results/result-meta.ts';
import { EXCEPTION_STATES } from '../wire/results/states.ts';

/** Arguments, and what an exception consists of, are text where they cannot be written. */
export function writableMeta(meta: ResultMeta, canWrite: (value: unknown) => boolean): ResultMeta {
  const shown = showing(canWrite);
  const { args, kwargs, traceback } = meta;
  return {
    ...meta,
    ...(isException(meta) && { result: exception(meta.result as WireException, shown) }),
    traceback: traceback && wellFormed(traceback),
    ...(args !== undefined && { args: shown(args) }),
    ...(kwargs !== undefined && { kwargs: shown(kwargs) }),
  };
}

/** What a chord keeps of a task, in the same way. */
export function writablePart<T extends { readonly status: string; readonly result: unknown }>(
  part: T,
  canWrite: (value: unknown) => boolean,
): T {
  if (!isException(part)) return part;
  return { ...part, result: exception(part.result as WireException, showing(canWrite)) };
}

type Shown = (value: unknown) => unknown;

function showing(canWrite: (value: unknown) => boolean): Shown {
  return value => (value === undefined || canWrite(value) ? value : wellFormed(textOf(value)));
}

function exception(thrown: WireException, shown: Shown): WireException {
  const { exc_type, exc_message, exc_module } = thrown;
  return {
    exc_type: wellFormed(exc_type),
    exc_message: typeof exc_message === 'string' ? wellFormed(exc_message) : exc_message.map(shown),
    exc_module: exc_module && wellFormed(exc_module),
  };
}

function isException({ status, result }: Pick<ResultMeta, 'status' | 'result'>): boolean {
  if (!EXCEPTION_STATES.has(status)) return false;
  return typeof result === 'object' && result !== null && 'exc_type' in result;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : saferepr(value);
}

/** Half of a surrogate pair, which has no bytes in UTF-8, becomes U+FFFD. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
