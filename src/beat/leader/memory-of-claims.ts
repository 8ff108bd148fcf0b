/** What a leader knows of the claims that it shares with its successors. */
import type { Claim, Remembered } from './contract.ts';

export class Memory {
  readonly #known: Map<string, Remembered>;

  constructor(remembered: ReadonlyMap<string, Remembered>) {
    this.#known = new Map(remembered);
  }

  get all(): readonly Remembered[] {
    return [...this.#known.values()];
  }

  /** What is to be written: the last claim of each entry, and the ones before that are sent now. */
  changes(claims: readonly Claim[], sent: readonly string[]): Remembered[] {
    const changed = new Map<string, Remembered>();
    for (const name of sent) {
      const known = this.#known.get(name);
      if (known && !known.isSent) changed.set(name, { ...known, isSent: true });
    }
    for (const { name, slot, totalRunCount, id } of claims) {
      changed.set(name, { name, slot, totalRunCount, id, isSent: false });
    }
    return [...changed.values()];
  }

  keep(changes: readonly Remembered[]): void {
    for (const each of changes) this.#known.set(each.name, each);
  }

  forget(names: readonly string[]): void {
    for (const name of names) this.#known.delete(name);
  }

  /** Undefined for a text that is none. */
  static read(text: string): Remembered | undefined {
    try {
      return Memory.from(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  static from(value: unknown): Remembered | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    const { name, slot, totalRunCount, id, isSent } = value as Partial<Remembered>;
    const isWhole =
      typeof name === 'string' &&
      Number.isFinite(slot) &&
      Number.isSafeInteger(totalRunCount) &&
      typeof id === 'string' &&
      typeof isSent === 'boolean';
    if (!isWhole) return undefined;
    return { name, slot: slot!, totalRunCount: totalRunCount!, id, isSent };
  }
}
