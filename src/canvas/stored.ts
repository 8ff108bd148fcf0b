/**
 * What follows in a large workflow is kept once, in the result store, and messages carry a reference
 * to it: otherwise each part of a chord carries the whole rest of the workflow.
 *
 * A reference is the signature of a task that puts what it refers to in its own place, so that also
 * a worker that knows nothing of this (Python's) can send it.
 */
import { isMap } from '../base/kind-of.ts';
import { idOf } from './freeze.ts';
import { bodyOf, isKind, taskSignature } from './shapes.ts';
import type { SignatureData } from './signature.ts';

export const STORED_TASK = 'tscelery.stored';

/** Signatures in the order of a message's `chain`: the next one last. */
export interface StoredList {
  readonly id: string;
  readonly signatures: readonly SignatureData[];
}

/** The first `count` signatures of a stored list. */
export interface StoredRest {
  readonly id: string;
  readonly count: number;
  /** Where workers that know of this are, for those that do not. */
  readonly queue: unknown;
}

/** @param next the last of those that it stands for, whose id it has */
function reference({ queue, ...rest }: StoredRest, next: SignatureData): SignatureData {
  const { reply_to } = next.options;
  const options = { task_id: resultIdOf(next), queue, ...(reply_to !== undefined && { reply_to }) };
  return taskSignature(STORED_TASK, { kwargs: rest, options });
}

const resultIdOf = (signature: SignatureData): string | undefined =>
  isKind(signature, 'chord') ? resultIdOf(bodyOf(signature)) : idOf(signature);

/** Undefined for a signature that is what it looks like. */
export function storedRest(signature: SignatureData | undefined): StoredRest | undefined {
  if (signature?.task !== STORED_TASK || !isMap(signature.kwargs)) return undefined;
  const { id, count } = signature.kwargs;
  return typeof id === 'string' && Number.isSafeInteger(count) && (count as number) > 0
    ? { id, count: count as number, queue: signature.options.queue }
    : undefined;
}

/** What stands before the last of a stored list's first `count`: nothing, or another reference. */
export function restBefore(
  rest: StoredRest,
  signatures: readonly SignatureData[],
): readonly SignatureData[] {
  const count = rest.count - 1;
  return count > 0 ? [reference({ ...rest, count }, signatures[count - 1]!)] : [];
}

function sizeOf(signatures: readonly SignatureData[]): number {
  const numbers = (_: string, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value;
  try {
    return Buffer.byteLength(JSON.stringify(signatures, numbers));
  } catch {
    // whoever writes the message says better what is wrong with it
    return 0;
  }
}

export interface PackingOptions {
  /** Bytes of what follows that each message may carry (`task_inline_workflow_size`). */
  readonly largest: number;
  readonly queue: string;
}

/** Notes what has to be stored before a workflow is sent. */
export class Packing {
  readonly stored: StoredList[] = [];
  readonly #options: PackingOptions | undefined;
  readonly #newId: () => string;

  /** @param options undefined when messages carry everything */
  constructor(options: PackingOptions | undefined, newId: () => string) {
    this.#options = options;
    this.#newId = newId;
  }

  chain(chain: readonly SignatureData[]): readonly SignatureData[] {
    return this.#fits(chain) ? chain : [this.#store(chain)];
  }

  /** Of a chord, with its id. */
  body(body: SignatureData): SignatureData {
    const { chain } = body.options;
    if (this.#fits([body])) return body;
    const lighter = Array.isArray(chain)
      ? { ...body, options: { ...body.options, chain: this.chain(chain) } }
      : body;
    return this.#fits([lighter]) ? lighter : this.#store([lighter]);
  }

  #fits(signatures: readonly SignatureData[]): boolean {
    if (!this.#options || signatures.every(each => storedRest(each))) return true;
    return sizeOf(signatures) <= this.#options.largest;
  }

  #store(signatures: readonly SignatureData[]): SignatureData {
    const id = this.#newId();
    this.stored.push({ id, signatures });
    const { queue } = this.#options!;
    return reference({ id, count: signatures.length, queue }, signatures.at(-1)!);
  }
}
