/**
 * Calls as values: a task with arguments and options, that can be called, sent to another process,
 * linked to another call, or put after one in a chain. None of them ever changes: whatever sets
 * something gives another one. Celery: `Signature`.
 */
import { inspect } from 'node:util';
import { checkOptions, type Kinds, list, map } from '../../base/option-kinds.ts';
import { REPR, saferepr } from '../../base/text/saferepr.ts';
import type { Place } from '../../canvas/freeze.ts';
import { asImmutable, flatLinks, link, linkError } from '../../canvas/links.ts';
import { merged } from '../../canvas/merge.ts';
import { pipe } from '../../canvas/pipe.ts';
import { withLists, withOptions } from '../../canvas/shapes.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { type StampOptions, type Stamps, stamped } from '../../canvas/stamping.ts';
import { signatureText } from '../../canvas/text.ts';
import type { ApplyOptions, EagerOptions } from '../options/task-options.ts';
import type { AsyncResult } from '../results/async-result.ts';
import type { EagerResult } from '../results/eager-result.ts';
import type { GroupResult } from '../results/group-result.ts';
import { keptOptions } from './call-options.ts';
import type {
  AnyTyped,
  Args,
  EagerHandle,
  HandleOf,
  ResultOf,
  SignatureMode,
  StepAfter,
} from './part-types.ts';

/** Who publishes signatures, or runs them here. */
export interface SignatureHost {
  applySignature(
    signature: SignatureData,
    args: Args,
    options: ApplyOptions,
  ): Promise<AsyncResult<unknown> | GroupResult>;
  applySignatureHere(
    signature: SignatureData,
    args: Args,
    options: EagerOptions,
  ): Promise<EagerResult | GroupResult>;
  freezeSignature(signature: SignatureData, place: Place): FrozenParts;
  /** `task_allow_error_cb_on_chord_header`. */
  readonly linksHeaders: boolean;
  /** Of the class that its kind has. */
  signature(data: SignatureData): AnySignature;
}

export interface FrozenParts {
  readonly signature: SignatureData;
  readonly result: AsyncResult<unknown> | GroupResult;
}

/** Ids that are not made up. */
export interface FreezeOptions {
  readonly taskId?: string;
  readonly rootId?: string;
  readonly parentId?: string;
}

/** A signature with ids for all of its parts, and the handle of what will come of it. */
export interface FrozenSignature<S, H> {
  readonly signature: S;
  readonly result: H;
}

/** Sections of a signature that `replace` puts in the place of its own. */
export interface SignatureSections {
  readonly args?: Args;
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly options?: ApplyOptions;
}

// biome-ignore lint/suspicious/noExplicitAny: any signature, whatever its types
export type AnySignature = Signature<any, any, any, any>;

/**
 * `M` are the arguments that are missing, `R` is what comes of it, `H` the handle of that. Its fields
 * are those of Celery's dictionary, which is what `JSON.stringify` makes of it.
 */
export class Signature<
  M extends Args = Args,
  R = unknown,
  K extends SignatureMode = SignatureMode,
  H = AsyncResult<R>,
> implements SignatureData
{
  /** For the compiler only. */
  declare readonly '~types'?: { missing: M; result: R; mode: K; handle: H };
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
    return this.#with(withOptions(plain(this), keptOptions(options)));
  }

  /**
   * The same that takes no arguments any more, as from `si`. Of a group these are its members, of a
   * chord those of its header. Celery: `set_immutable`.
   */
  asImmutable(): Signature<[], R, 'immutable', H> {
    return this.#as(asImmutable(plain(this)));
  }

  /** The same with arguments before its own, and keywords and options over them. Celery: `clone`, `partial`. */
  clone(
    args: Args = [],
    kwargs: Readonly<Record<string, unknown>> = {},
    options: ApplyOptions = {},
  ): Signature<Args, R, K, H> {
    return this.#as(merged(plain(this), { args, kwargs, options: keptOptions(options) }));
  }

  /** The same with other arguments, keywords or options, of which nothing stays. Celery: `replace`. */
  replace(sections: SignatureSections): Signature<Args, R, K, H> {
    checkOptions(sections, SECTIONS, 'replace');
    const { args, kwargs, options } = sections;
    return this.#as({
      ...plain(this),
      ...(args && { args }),
      ...(kwargs && { kwargs }),
      ...(options && { options: keptOptions(options) }),
    });
  }

  /**
   * The same that calls this one with its result: of a group after its first member, without the
   * result, and of a chord after its body. Celery: `link`, which changes the signature.
   */
  link(callback: SignatureData): this {
    checkLinked(callback, 'link');
    return this.#with(link(plain(this), withLists(plain(callback))));
  }

  /**
   * The same that calls this one when it fails: each member of a group, the body of a chord, and with
   * `task_allow_error_cb_on_chord_header` the parts of its header, too. Celery: `link_error`.
   */
  linkError(errback: SignatureData): this {
    checkLinked(errback, 'linkError');
    const options = { alsoHeaders: this.#host.linksHeaders };
    return this.#with(linkError(plain(this), withLists(plain(errback)), options));
  }

  /** The same as `linkError`. Celery: `on_error`. */
  onError(errback: SignatureData): this {
    return this.linkError(errback);
  }

  /** It and all that is linked to it, and to that, for success. Celery: `flatten_links`. */
  flattenLinks(): readonly AnySignature[] {
    return [this, ...flatLinks(this).map(each => this.#host.signature(each))];
  }

  /**
   * The same with stamps, headers of your own by which tasks can be found and revoked, on it and on
   * what is linked to it. Celery: `stamp`.
   */
  stamp(stamps: Stamps, options: StampOptions = {}): this {
    return this.#with(stamped(plain(this), stamps, options));
  }

  /**
   * It and after it `next`, with its result as the first argument: a chain. After a group it is a
   * chord, whose body gets all results. Celery: `|`.
   *
   * @throws TypeError for what is no signature
   */
  pipe<N extends AnyTyped>(
    next: StepAfter<R, N> extends N ? N : StepAfter<R, N>,
  ): Signature<M, ResultOf<N>, 'partial', HandleOf<N>> {
    const data = pipe(plain(this), plain(signatureIn(next, 'pipe', 'the next step')));
    const host = hostOf([this, next as unknown as AnySignature]);
    return host.signature(data) as Signature<M, ResultOf<N>, 'partial', HandleOf<N>>;
  }

  /**
   * The same with ids for all of its parts, and the handle of its result: one can wait before it is
   * sent, and whoever applies it sends these ids. Celery: `freeze`, which changes the signature.
   */
  freeze({ taskId, rootId, parentId }: FreezeOptions = {}): FrozenSignature<this, H> {
    const frozen = this.#host.freezeSignature(plain(this), { id: taskId, rootId, parentId });
    return { signature: this.#with(frozen.signature), result: frozen.result as H };
  }

  /** Publish a call. Celery: `delay`. */
  delay(...args: M): Promise<H> {
    return this.applyAsync(args);
  }

  /**
   * Publish a call with further arguments, before its own, and options over its own.
   *
   * @throws TypeError for arguments that do not fit, OperationalError when the broker cannot be
   *   reached
   */
  applyAsync(args?: M | undefined, options: ApplyOptions = {}): Promise<H> {
    return this.#host.applySignature(plain(this), args ?? [], options) as Promise<H>;
  }

  /**
   * Run it here, part by part, with everything that workers do around tasks. Nothing is published
   * and no result store is needed. Celery: `apply`.
   *
   * @throws NotRegistered for a task whose code is elsewhere
   */
  apply(args?: M | undefined, options: EagerOptions = {}): Promise<EagerHandle<H>> {
    const ran = this.#host.applySignatureHere(plain(this), args ?? [], options);
    return ran as Promise<unknown> as Promise<EagerHandle<H>>;
  }

  /** Celery's dictionary. */
  toJSON(): SignatureData {
    return withLists(plain(this));
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
    return this.#as(data) as unknown as this;
  }

  /** Of the same class. */
  #as<T extends Args, L extends SignatureMode>(data: SignatureData): Signature<T, R, L, H> {
    const Class = this.constructor as typeof Signature;
    return new Class<T, R, L, H>(data, this.#host);
  }
}

/** Without methods. */
export function plain(signature: SignatureData): SignatureData {
  const { task, args, kwargs, options, subtask_type, immutable } = signature;
  return { task, args, kwargs, options, subtask_type, immutable };
}

/**
 * @param taker the function that wants a signature
 * @param place what it is for it
 * @throws TypeError for what is none
 */
export function signatureIn(value: unknown, taker: string, place: string): AnySignature {
  if (value instanceof Signature) return value;
  throw new TypeError(
    `${taker} needs signatures, such as add.s(1, 2), got ${describe(value)} as ${place}`,
  );
}

function checkLinked(value: unknown, method: string): void {
  const { task } = (value ?? {}) as { readonly task?: unknown };
  if (typeof value === 'object' && typeof task === 'string') return;
  throw new TypeError(`${method} needs a signature, such as add.s(1, 2), got ${describe(value)}`);
}

function describe(value: unknown): string {
  if (typeof value === 'function') return `a function (${value.name})`;
  if (value instanceof Promise) return 'a promise, as of a call that was made already';
  return saferepr(value);
}

/** The first of them that belongs to an app: a group without members belongs to none. */
export function hostOf(signatures: readonly AnySignature[]): SignatureHost {
  const hosts = signatures.map(signature => signature['~host']);
  return hosts.find(host => !(NO_APP in host)) ?? hosts[0]!;
}

/** Marks a host that stands in for one. */
export const NO_APP: unique symbol = Symbol('no app');

const SECTIONS: Kinds<SignatureSections> = { args: list, kwargs: map, options: map };
