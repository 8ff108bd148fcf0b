/** What a call adds to a signature: Celery's `clone` and the merging of `apply_async`. */
import type { SignatureData } from './signature.ts';
import { stampsOf } from './stamps.ts';

export type SignatureParts = Partial<Pick<SignatureData, 'args' | 'kwargs' | 'options'>>;

/**
 * Arguments come before its own, and keywords over them, unless it is immutable. Options come over
 * its own, but for those that say what it belongs to.
 */
export function merged(signature: SignatureData, parts: SignatureParts): SignatureData {
  const { args = [], kwargs = {}, options = {} } = parts;
  const all = { ...signature, options: mergedOptions(signature.options, options) };
  if (signature.immutable) return all;
  return {
    ...all,
    args: args.length === 0 ? signature.args : [...args, ...signature.args],
    kwargs: { ...signature.kwargs, ...kwargs },
  };
}

type Options = SignatureData['options'];

function mergedOptions(own: Options, given: Options): Options {
  const kept = keptOptions(own);
  return { ...own, ...given, ...kept };
}

/** Its group and its stamps stay what they are once they are set. */
function keptOptions(own: Options): Options {
  const kept: Record<string, unknown> = {};
  for (const name of ['group_id', 'stamped_headers', ...stampsOf(own)]) {
    if (own[name] !== undefined && own[name] !== null) kept[name] = own[name];
  }
  return kept;
}
