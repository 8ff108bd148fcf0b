/**
 * Calls as values: a task with arguments and options, that can be called, sent to another process,
 * linked to another call, or put after one in a chain. None of them ever changes: whatever sets
 * something gives another one. Celery: `Signature`.
 */
import { inspect } from 'node:util';
import { REPR } from '../../base/text/saferepr.ts';
import { link, linkError } from '../../canvas/links.ts';
import { merged } from '../../canvas/merge.ts';
import { withOptions } from '../../canvas/shapes.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { type StampOptions, type Stamps, stamped } from '../../canvas/stamping.ts';
import { signatureText } from '../../canvas/text.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import type { AsyncResult } from '../results/async-result.ts';
import type { GroupResult } from '../results/group-result.ts';
import { keptOptions } from './call-options.ts';

type Args = readonly unknown[];
/** Whether the result of what comes before is its first argument. */
export type SignatureMode = 'partial' | 'immutable';

/** Every tail of a list of parameters: of `[a, b]` these are `[a, b]`, `[b]` and `[]`. */
export type Tail<A extends Args> =
  | A
  | (A extends readonly [unknown?, ...infer R]
      ? A extends readonly []
        ? never
        : number extends A['length']
          ? never
          : Tail<R>
      : never);

/** The parameters that are still missing when their tail is given. */
export type Missing<A extends Args, T extends Args> = T extends readonly [unknown, ...infer TR]
  ? A extends readonly [...infer AR, unknown]
    ? Missing<AR, TR>
    : number extends A['length']
      ? A
      : never
  : A;

export interface SignatureHost {
  applySignature(
    signature: SignatureData,
    args: Args,
    options: ApplyOptions,
  ): Promise<AsyncResult<unknown> | GroupResult>;
}

/**
 * `M` are the arguments that are missing, `R` is what comes of it. Its fields are those of Celery's
 * dictionary, which is what `JSON.stringify` makes of it.
 */
export class Signature<M extends Args = Args, R = unknown, K extends SignatureMode = SignatureMode>
  implements SignatureData
{
  /** For the compiler only. */
  declare readonly '~types'?: { missing: M; result: R; mode: K };
  readonly task: string;
  readonly args: Args;
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** In Celery's spelling. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly subtask_type: string | null;
  readonly immutable: boolean;
  readonly #host: SignatureHost;

  /** @internal Who publishes it. */
  get '~host'(): SignatureHost {
    return this.#host;
  }

  /** @internal */
  constructor(data: SignatureData, host: SignatureHost) {
    this.task = data.task;
    this.args = Object.freeze([...data.args]);
    this.kwargs = Object.freeze({ ...data.kwargs });
    this.options = Object.freeze({ ...data.options });
    this.subtask_type = data.subtask_type;
    this.immutable = data.immutable;
    this.#host = host;
    Object.freeze(this);
  }

  /** The same with these options over its own. Celery: `set`. @throws TypeError for one that is none */
  set(options: ApplyOptions): this {
    return this.#with(withOptions(this.toJSON(), keptOptions(options)));
  }

  /** The same that takes no arguments any more, as from `si`. Celery: `set_immutable`. */
  asImmutable(): Signature<[], R, 'immutable'> {
    return new Signature({ ...this.toJSON(), immutable: true }, this.#host);
  }

  /** The same with arguments before its own, and keywords over them. Celery: `clone`, `partial`. */
  clone(args: Args = [], kwargs: Readonly<Record<string, unknown>> = {}): Signature<Args, R, K> {
    return new Signature(merged(this.toJSON(), { args, kwargs }), this.#host);
  }

  /** The same that calls this one with its result. Celery: `link`, which changes the signature. */
  link(callback: SignatureData): this {
    return this.#with(link(this.toJSON(), plain(callback)));
  }

  /** The same that calls this one when it fails. Celery: `link_error`, `on_error`. */
  linkError(errback: SignatureData): this {
    return this.#with(linkError(this.toJSON(), plain(errback)));
  }

  /**
   * The same with stamps, headers of your own by which tasks can be found and revoked, on it and on
   * what is linked to it. Celery: `stamp`.
   */
  stamp(stamps: Stamps, options: StampOptions = {}): this {
    return this.#with(stamped(this.toJSON(), stamps, options));
  }

  /** Publish a call. Celery: `delay`. */
  delay(...args: M): Promise<AsyncResult<R>> {
    return this.applyAsync(args);
  }

  /**
   * Publish a call with further arguments, before its own, and options over its own.
   *
   * @throws TypeError for arguments that do not fit, OperationalError when the broker cannot be
   *   reached
   */
  applyAsync(args?: M | undefined, options: ApplyOptions = {}): Promise<AsyncResult<R>> {
    return this.#host.applySignature(this.toJSON(), args ?? [], options) as Promise<AsyncResult<R>>;
  }

  /** Celery's dictionary. */
  toJSON(): SignatureData {
    return plain(this);
  }

  toString(): string {
    return signatureText(this);
  }

  [inspect.custom](): string {
    return this.toString();
  }

  [REPR](): string {
    return this.toString();
  }

  #with(data: SignatureData): this {
    return new Signature(data, this.#host) as this;
  }
}

/** Without methods, as it travels. */
export function plain(signature: SignatureData): SignatureData {
  const { task, args, kwargs, options, subtask_type, immutable } = signature;
  return { task, args, kwargs, options, subtask_type, immutable };
}
