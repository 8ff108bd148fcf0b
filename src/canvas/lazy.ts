/**
 * Members of a group that are not known before somebody asks for them: those of a generator, or of
 * anything else that can be iterated. Celery: `regen`.
 */
import { InvalidTaskError } from '../wire/errors.ts';
import type { SignatureData } from './signature.ts';

export type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** What reads one member; throws for what is none. */
type ReadMember = (value: unknown, index: number) => SignatureData;

export class LazyParts {
  readonly #source: AnyIterable<unknown>;
  readonly #read: ReadMember;
  /** Read from `#open` and not given to anybody yet. */
  #head: SignatureData[] = [];
  #open: AnyIterator | undefined;
  #isSpent = false;
  #list: readonly SignatureData[] | undefined;

  constructor(source: AnyIterable<unknown>, read: ReadMember) {
    this.#source = source;
    this.#read = read;
  }

  /** Whether all of them are known. */
  get isList(): boolean {
    return this.#list !== undefined;
  }

  /**
   * All of them: reads what was not read yet.
   *
   * @throws InvalidTaskError when a generator was read before, or when they come asynchronously
   */
  get list(): readonly SignatureData[] {
    if (this.#list) return this.#list;
    if (!(Symbol.iterator in this.#source)) {
      throw new InvalidTaskError(
        'The members of this group come asynchronously: it can be applied, and be the header of a chord, but not be part of something else. Give it a list for that.',
      );
    }
    const open = this.#opened() as Iterator<unknown>;
    for (let next = open.next(); !next.done; next = open.next()) this.#keep(next.value);
    return this.#ended();
  }

  /** The first member, once `exceeds` has read one. */
  get first(): SignatureData | undefined {
    return (this.#list ?? this.#head)[0];
  }

  /** Reads them all. */
  async all(): Promise<readonly SignatureData[]> {
    await this.exceeds(Number.POSITIVE_INFINITY);
    return this.list;
  }

  /** Whether there are more than `count`, of which no more than that and one are read. */
  async exceeds(count: number): Promise<boolean> {
    if (this.#list) return this.#list.length > count;
    const open = this.#opened();
    while (this.#head.length <= count) {
      const next = await open.next();
      if (next.done) return this.#ended().length > count;
      this.#keep(next.value);
    }
    return true;
  }

  /** All of them, `size` at a time; those of a generator can be had once. Never an empty batch. */
  async *batches(size: number): AsyncGenerator<readonly SignatureData[], void, undefined> {
    const open = this.#list === undefined;
    if (open) await this.exceeds(size);
    const list = this.#list;
    if (list) {
      for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
      return;
    }
    this.#isSpent = true;
    const iterator = this.#open!;
    this.#open = undefined;
    let [batch, index] = [this.#head, this.#head.length];
    this.#head = [];
    for (;;) {
      while (batch.length > size) yield batch.splice(0, size);
      const next = await iterator.next();
      if (next.done) break;
      batch.push(this.#read(next.value, index++));
    }
    if (batch.length > 0) yield batch;
  }

  /** As a list, which it is for others. */
  toJSON(): readonly SignatureData[] {
    return this.list;
  }

  #opened(): AnyIterator {
    if (this.#open) return this.#open;
    const source = this.#source;
    const open =
      Symbol.iterator in source ? source[Symbol.iterator]() : source[Symbol.asyncIterator]();
    if (this.#isSpent && (open as unknown) === source) {
      throw new InvalidTaskError(
        'The generator of this group was read when it was applied before. Give it a list, or what can be iterated again.',
      );
    }
    this.#open = open;
    return open;
  }

  #keep(value: unknown): void {
    this.#head.push(this.#read(value, this.#head.length));
  }

  #ended(): readonly SignatureData[] {
    this.#list = this.#head;
    this.#open = undefined;
    this.#head = [];
    return this.#list;
  }
}
