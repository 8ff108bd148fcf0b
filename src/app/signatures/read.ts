/** Signatures from what somebody else wrote down: Celery's dictionaries, and names. */
import { isMap } from '../../base/kind-of.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { merged } from '../../canvas/merge.ts';
import { taskSignature } from '../../canvas/shapes.ts';
import { readSignature, type SignatureData } from '../../canvas/signature.ts';
import { checkCall } from '../options/option-checks.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import { keptOptions } from './call-options.ts';
import type { Args } from './part-types.ts';
import { plain, Signature } from './signature.ts';

/** What a signature can be made of: the name of a task, a task, Celery's dictionary, a signature. */
export type SignatureSource = string | { readonly name: string } | SignatureData;

/**
 * @throws TypeError for what is none of these, for an option that is none, InvalidTaskError for a
 *   dictionary of a kind that nobody knows
 */
export function readAnySignature(
  source: unknown,
  args: Args | undefined,
  options: ApplyOptions,
): SignatureData {
  const { kwargs = {}, ...others } = options;
  checkCall(args ?? [], options, undefined);
  const parts = { args: args ?? [], kwargs, options: keptOptions(others) };
  const name = nameIn(source);
  if (name !== undefined) return taskSignature(name, parts);
  if (source instanceof Signature) return merged(plain(source), parts);
  if (!isMap(source)) {
    throw new TypeError(
      `signature takes the name of a task, a task, or a signature as a dictionary, got ${saferepr(source)}`,
    );
  }
  return merged(readSignature(source), parts);
}

function nameIn(source: unknown): string | undefined {
  if (typeof source === 'string' && source !== '') return source;
  return typeof source === 'function' && 'definition' in source ? source.name : undefined;
}
