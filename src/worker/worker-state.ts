import type { TaskHeaders } from '../wire/messages/task-headers.ts';
import type { Request } from './request.ts';

/**
 * Emptied when its request goes: a map through which entries pass without end leaves tables
 * behind that V8 takes for alive until a full collection, with what was in them.
 */
interface Cell {
  request: Request | undefined;
}

/** What a worker holds: every delivery that is not settled, each run of a task once. */
export class Requests implements Iterable<Request> {
  readonly #byKey = new Map<string, Cell>();

  get size(): number {
    return this.#byKey.size;
  }

  *[Symbol.iterator](): Iterator<Request> {
    for (const { request } of this.#byKey.values()) if (request) yield request;
  }

  add(request: Request): void {
    // Another message with the same id is a run of its own, however it came to be.
    while (this.#byKey.has(request.key)) request.key += '+';
    this.#byKey.set(request.key, { request });
  }

  delete(request: Request): void {
    const cell = this.#byKey.get(request.key);
    if (!cell) return;
    cell.request = undefined;
    this.#byKey.delete(request.key);
  }

  /** The run that this delivery was a delivery of before, if it is still here. */
  twinOf(request: Request): Request | undefined {
    return this.#byKey.get(request.key)?.request;
  }

  withId(id: string): Request | undefined {
    const found = this.#byKey.get(id)?.request;
    if (found) return found;
    for (const request of this) if (request.id === id) return request;
    return undefined;
  }
}

const MOST_NAMES = 1000;

export class WorkerState {
  readonly requests = new Requests();
  /**
   * Accepted by the pool so far, by the name shown; of those that callers make up the first 1000,
   * as there is no end of them.
   */
  readonly totals = new Map<string, number>();
  total = 0;

  count({ task, shadow }: Pick<TaskHeaders, 'task' | 'shadow'>): void {
    const isCounted = !shadow || this.totals.has(shadow) || this.totals.size < MOST_NAMES;
    const name = isCounted ? (shadow ?? task) : task;
    this.totals.set(name, (this.totals.get(name) ?? 0) + 1);
    this.total += 1;
  }
}
