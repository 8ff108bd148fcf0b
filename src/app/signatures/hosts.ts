/** Hosts of groups whose app is not known: those without members, and those that read them later. */
import { randomUUID } from 'node:crypto';
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { LazyParts } from '../../canvas/lazy.ts';
import { tasksOf } from '../../canvas/shapes.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import type { ApplyOptions, EagerOptions } from '../options/task-options.ts';
import type { AsyncResult } from '../results/async-result.ts';
import { GroupResult } from '../results/group-result.ts';
import type { ResultHost } from '../results/handle.ts';
import { signatureOf } from './kinds.ts';
import type { Args } from './part-types.ts';
import { type AnySignature, NO_APP, type SignatureHost } from './signature.ts';

/** An empty group has nothing to send: its result is there at once, and nobody stores it. */
class EmptyHost implements SignatureHost {
  readonly [NO_APP] = true;
  readonly linksHeaders = false;

  async applySignature({ options }: SignatureData): Promise<GroupResult> {
    return emptyResult(options.task_id);
  }

  async applySignatureHere({ options }: SignatureData): Promise<GroupResult> {
    return emptyResult(options.task_id);
  }

  freezeSignature(signature: SignatureData, { id }: { readonly id?: string | undefined }) {
    const result = emptyResult(id ?? signature.options.task_id);
    const options = { ...signature.options, task_id: result.id };
    return { signature: { ...signature, options }, result };
  }

  signature(data: SignatureData): AnySignature {
    return signatureOf(data, this);
  }
}

export const EMPTY_HOST: SignatureHost = new EmptyHost();

const nobody = () => {
  throw new ImproperlyConfigured('An empty group belongs to no app, which could keep its result.');
};

/** Nothing of a result without members is asked for but by `save` and `delete`. */
const RESULTS_OF_NOBODY = new Proxy({} as ResultHost, { get: () => nobody });

function emptyResult(id: unknown): GroupResult {
  return new GroupResult(typeof id === 'string' ? id : randomUUID(), [], RESULTS_OF_NOBODY);
}

/** Asks that of the first member, which is read when it is needed. */
export class LazyHost implements SignatureHost {
  readonly [NO_APP] = true;
  /** Of a group, which is no chord. */
  readonly linksHeaders = false;
  readonly #parts: LazyParts;

  constructor(parts: LazyParts) {
    this.#parts = parts;
  }

  async applySignature(
    signature: SignatureData,
    args: Args,
    options: ApplyOptions,
  ): Promise<AsyncResult<unknown> | GroupResult> {
    await this.#parts.exceeds(0);
    return this.#host.applySignature(signature, args, options);
  }

  async applySignatureHere(signature: SignatureData, args: Args, options: EagerOptions) {
    await this.#parts.exceeds(0);
    return this.#host.applySignatureHere(signature, args, options);
  }

  freezeSignature(...given: Parameters<SignatureHost['freezeSignature']>) {
    tasksOf(given[0]);
    return this.#host.freezeSignature(...given);
  }

  signature(data: SignatureData): AnySignature {
    return signatureOf(data, this);
  }

  get #host(): SignatureHost {
    return (this.#parts.first as AnySignature | undefined)?.['~host'] ?? EMPTY_HOST;
  }
}
