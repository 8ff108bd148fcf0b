import type { Request } from './request.ts';

/** What a worker holds and has done. One instance per worker. */
export class WorkerState {
  /** Every delivery that is not settled, by delivery. */
  readonly requests = new Set<Request>();
  /** Accepted by the pool so far, by the name shown. */
  readonly totals = new Map<string, number>();
  total = 0;

  count(name: string): void {
    this.totals.set(name, (this.totals.get(name) ?? 0) + 1);
    this.total += 1;
  }
}
