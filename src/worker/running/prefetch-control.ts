/** Tells the broker how many messages the worker may hold, whenever that changes. */
import { mostWaiting, type PrefetchOptions, prefetchCount } from './prefetch.ts';

export interface PrefetchPorts {
  readonly pool: { readonly size: number };
  readonly dispatcher: {
    readonly free: number;
    readonly lateRunning: number;
    readonly onTheWay: number;
  };
  readonly link: { setPrefetch(count: number): void };
}

export class PrefetchControl {
  readonly options: PrefetchOptions;
  #ports: PrefetchPorts | undefined;
  #scheduled = 0;
  #unknown = 0;
  #more = 0;

  constructor(options: PrefetchOptions) {
    this.options = options;
  }

  /** Before this nothing is told. */
  attach(ports: PrefetchPorts): void {
    this.#ports = ports;
    this.adjust();
  }

  set scheduled(count: number) {
    this.#scheduled = count;
    this.adjust();
  }

  set unknown(count: number) {
    this.#unknown = count;
    this.adjust();
  }

  /** Hold so many messages more from now on, or fewer. */
  increase(count: number): void {
    this.#more += count;
    this.adjust();
  }

  get mostWaiting(): number {
    return mostWaiting(this.options, this.#ports?.pool.size ?? 0);
  }

  adjust(): void {
    if (!this.#ports) return;
    const { pool, dispatcher, link } = this.#ports;
    const { free, lateRunning, onTheWay } = dispatcher;
    const scheduled = this.#scheduled + this.#unknown + this.#more;
    link.setPrefetch(
      prefetchCount(this.options, { size: pool.size, free, lateRunning, scheduled, onTheWay }),
    );
  }
}
