import { MemoryChords } from '../../backends/memory-chords.ts';
import type { WorkflowStore } from '../../execute/ports.ts';

/** Counts the parts of chords that follow one task which runs here, and is forgotten with it. */
export class HereChords implements WorkflowStore {
  readonly chords = new MemoryChords(new Map(), {
    deadline: () => Number.POSITIVE_INFINITY,
    leaseMs: Number.POSITIVE_INFINITY,
  });
  readonly #groups = new Map<string, unknown>();

  async storeGroup(groupId: string, tuple: unknown): Promise<void> {
    this.#groups.set(groupId, tuple);
  }

  async fetchGroup(groupId: string): Promise<unknown> {
    return this.#groups.get(groupId);
  }
}
