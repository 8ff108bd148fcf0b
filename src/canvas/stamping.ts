/**
 * Stamps: headers of the user's on each signature of a workflow, by which tasks are found and
 * revoked together. Celery: `Signature.stamp`, `StampingVisitor`.
 */
import { linksOf } from './links.ts';
import {
  bodyOf,
  groupSignature,
  headerOf,
  isKind,
  tasksOf,
  withBody,
  withHeader,
  withOptions,
  withTasks,
} from './shapes.ts';
import type { SignatureData } from './signature.ts';
import { stampsOf } from './stamps.ts';

/**
 * Stamps by name. With a list `stamped_headers` only those named in it are stamps, and the others
 * are ordinary options.
 */
export type Stamps = Readonly<Record<string, unknown>>;

type OnSignature = (signature: SignatureData, stamps: Stamps) => Stamps | undefined | void;

/**
 * Called with each part of a workflow, from the outside in, and with the stamps that it has got so
 * far. What a method returns is stamped too.
 */
export interface StampingVisitor {
  onSignature?: OnSignature;
  onGroupStart?: OnSignature;
  onGroupEnd?: OnSignature;
  onChainStart?: OnSignature;
  onChainEnd?: OnSignature;
  /** Without it a header counts as a group (`onGroupStart`). */
  onChordHeaderStart?: OnSignature;
  onChordHeaderEnd?: OnSignature;
  onChordBody?: OnSignature;
  onCallback?: OnSignature;
  onErrback?: OnSignature;
}

export interface StampOptions {
  readonly visitor?: StampingVisitor | undefined;
  /** Collect the values of a stamp that is there already in a list, instead of keeping one. */
  readonly append?: boolean | undefined;
}

const META = 'stamped_headers';

/** The whole workflow with stamps on all of its parts. */
export function stamped(
  signature: SignatureData,
  stamps: Stamps,
  options: StampOptions = {},
): SignatureData {
  return new Stamping(options).stamp(signature, named(stamps));
}

class Stamping {
  readonly #visitor: StampingVisitor;
  readonly #append: boolean;

  constructor({ visitor = {}, append = false }: StampOptions) {
    this.#visitor = visitor;
    this.#append = append;
  }

  stamp(signature: SignatureData, stamps: Stamps): SignatureData {
    if (isKind(signature, 'chain')) return this.#several(signature, stamps, 'Chain');
    if (isKind(signature, 'group')) return this.#several(signature, stamps, 'Group');
    if (isKind(signature, 'chord')) return this.#chord(signature, stamps);
    const linked = this.#links(signature, stamps);
    return this.#put(linked, this.#join(stamps, this.#visitor.onSignature?.(signature, stamps)));
  }

  #several(signature: SignatureData, given: Stamps, kind: 'Chain' | 'Group'): SignatureData {
    const visitor = this.#visitor;
    const stamps = this.#join(given, visitor[`on${kind}Start`]?.(signature, given));
    const own = this.#links(this.#put(signature, stamps), stamps);
    const tasks = tasksOf(own).map(task => this.stamp(task, stamps));
    const whole = withTasks(own, tasks);
    return this.#end(whole, visitor[`on${kind}End`]?.(whole, stamps));
  }

  #chord(chord: SignatureData, given: Stamps): SignatureData {
    const visitor = this.#visitor;
    const start = visitor.onChordHeaderStart ?? this.#headerAsGroup;
    const stamps = this.#join(given, start(chord, given));
    const own = this.#links(this.#put(chord, stamps), stamps);
    const header = headerOf(own).map(part => this.stamp(part, stamps));
    const headed = withHeader(own, header);
    const ended = this.#end(headed, visitor.onChordHeaderEnd?.(headed, stamps));
    const bodyStamps = this.#join(stamps, visitor.onChordBody?.(ended, stamps));
    return withBody(ended, this.stamp(bodyOf(ended), bodyStamps));
  }

  readonly #headerAsGroup: OnSignature = (chord, stamps) =>
    this.#visitor.onGroupStart?.(groupSignature(headerOf(chord)), stamps);

  #end(signature: SignatureData, stamps: Stamps | undefined | void): SignatureData {
    return stamps ? this.#put(signature, named(stamps)) : signature;
  }

  #links(signature: SignatureData, stamps: Stamps): SignatureData {
    const { onCallback, onErrback } = this.#visitor;
    const rows = [
      ['link', onCallback],
      ['link_error', onErrback],
    ] as const;
    let linked = signature;
    for (const [name, visit] of rows) {
      const links = linksOf(signature, name);
      if (links.length === 0) continue;
      const each = links.map(link => this.stamp(link, this.#join(stamps, visit?.(link, stamps))));
      linked = withOptions(linked, { [name]: each });
    }
    return linked;
  }

  /** What a visitor says comes over what was said before. */
  #join(under: Stamps, said: Stamps | undefined | void): Stamps {
    if (!said) return under;
    const over = named(said);
    const names = [...new Set([...stampsOf(under), ...stampsOf(over)])];
    const values = this.#append ? this.#collected(under, over, stampsOf(over)) : over;
    return { ...under, ...values, [META]: names };
  }

  /** A stamp that it has already is kept, or collected. */
  #put(signature: SignatureData, stamps: Stamps): SignatureData {
    const { options } = signature;
    const names = stampsOf(stamps);
    if (names.length === 0) return signature;
    const known = stampsOf(options);
    const values = this.#append
      ? this.#collected(options, stamps, names)
      : { ...stamps, ...Object.fromEntries(known.map(name => [name, options[name]])) };
    return withOptions(signature, { ...values, [META]: [...new Set([...known, ...names])] });
  }

  #collected(under: Stamps, over: Stamps, names: readonly string[]): Stamps {
    const twice = names.filter(name => under[name] !== undefined && under[name] !== over[name]);
    const lists = twice.map(name => [name, [...listOf(under[name]), ...listOf(over[name])]]);
    return { ...over, ...Object.fromEntries(lists) };
  }
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** With the list of their names, which are all of them unless it is there. */
function named(stamps: Stamps): Stamps {
  if (stamps[META] !== undefined) return stamps;
  return { ...stamps, [META]: Object.keys(stamps) };
}
