/**
 * The tasks of a state, within bounds of number and bytes. What has to go is the one whose last
 * event is the longest ago: of those that succeeded first, of those that still run last, and no
 * flood of one kind pushes out the others.
 */
import type { EventTask } from './task-record.ts';

/** In the order in which they go. */
const LANES = ['succeeded', 'given up', 'failed', 'unfinished'] as const;
type Lane = (typeof LANES)[number];

/**
 * Largest shares of all tasks when there is no room, or else a flood of one kind hides the rest.
 */
const SHARES: readonly (readonly [Lane, number])[] = [
  ['failed', 0.25],
  ['unfinished', 0.4],
];

const LANE_OF: Readonly<Record<string, Lane>> = {
  SUCCESS: 'succeeded',
  REVOKED: 'given up',
  REJECTED: 'given up',
  FAILURE: 'failed',
};

interface Entry {
  readonly task: EventTask;
  lane: Lane;
  /** As it is counted: the task's own has changed when its next event is. */
  cost: number;
}

export interface TaskBounds {
  readonly maxTasks: number;
  readonly maxBytes: number;
}

export class TaskStore {
  readonly #bounds: TaskBounds;
  readonly #tasks = new Map<string, EventTask>();
  readonly #entries = new Map<string, Entry>();
  /** The one with the oldest event is the first, since a map keeps the order of insertion. */
  readonly #lanes = new Map<Lane, Map<string, Entry>>(LANES.map(lane => [lane, new Map()]));
  #bytes = 0;
  evicted = 0;

  constructor(bounds: TaskBounds) {
    this.#bounds = bounds;
  }

  get all(): ReadonlyMap<string, EventTask> {
    return this.#tasks;
  }

  get bytes(): number {
    return this.#bytes;
  }

  touch(task: EventTask): void {
    const { uuid } = task;
    const lane = LANE_OF[task.state] ?? 'unfinished';
    const entry = this.#entries.get(uuid) ?? { task, lane, cost: 0 };
    this.#lanes.get(entry.lane)!.delete(uuid);
    this.#bytes += task.cost - entry.cost;
    entry.lane = lane;
    entry.cost = task.cost;
    this.#lanes.get(lane)!.set(uuid, entry);
    this.#entries.set(uuid, entry);
    this.#tasks.set(uuid, task);
    this.#evict();
  }

  delete(uuid: string): void {
    const entry = this.#entries.get(uuid);
    if (!entry) return;
    this.#entries.delete(uuid);
    this.#tasks.delete(uuid);
    this.#lanes.get(entry.lane)!.delete(uuid);
    this.#bytes -= entry.cost;
  }

  #evict(): void {
    const { maxBytes, maxTasks } = this.#bounds;
    while (this.#tasks.size > maxTasks || (this.#bytes > maxBytes && this.#tasks.size > 1)) {
      const [oldest] = this.#fullest().keys();
      this.delete(oldest!);
      this.evicted += 1;
    }
  }

  #fullest(): Map<string, Entry> {
    for (const [lane, share] of SHARES) {
      const entries = this.#lanes.get(lane)!;
      if (entries.size > share * this.#tasks.size && entries.size > 1) return entries;
    }
    for (const lane of LANES) {
      const entries = this.#lanes.get(lane)!;
      if (entries.size > 0) return entries;
    }
    throw new Error('there is no task');
  }
}
