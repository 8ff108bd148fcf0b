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
  const shown = (value: unknown) =>
    value === undefined || canWrite(value) ? value : wellFormed(textOf(value));
  const { args, kwargs, traceback } = meta;
  return {
    ...meta,
    ...(isException(meta) && { result: exception(meta.result as WireException, shown) }),
    traceback: traceback && wellFormed(traceback),
    ...(args !== undefined && { args: shown(args) }),
    ...(kwargs !== undefined && { kwargs: shown(kwargs) }),
  };
}

function exception(thrown: WireException, shown: (value: unknown) => unknown): WireException {
  const { exc_type, exc_message, exc_module } = thrown;
  return {
    exc_type: wellFormed(exc_type),
    exc_message: typeof exc_message === 'string' ? wellFormed(exc_message) : exc_message.map(shown),
    exc_module: exc_module && wellFormed(exc_module),
  };
}

function isException({ status, result }: ResultMeta): boolean {
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
