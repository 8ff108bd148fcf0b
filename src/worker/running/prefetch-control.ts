/** Tells the broker how many messages the worker may hold, whenever that changes. */
import { mostWaiting, type PrefetchOptions, prefetchCount } from './prefetch.ts';

export interface PrefetchPorts {
  readonly dispatcher: {
    readonly mostPlaces: number;
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
    return mostWaiting(this.options, this.#ports?.dispatcher.mostPlaces ?? 0);
  }

  adjust(): void {
    if (!this.#ports) return;
    const { dispatcher, link } = this.#ports;
    const { mostPlaces: size, free, lateRunning, onTheWay } = dispatcher;
    const scheduled = this.#scheduled + this.#unknown + this.#more;
    link.setPrefetch(prefetchCount(this.options, { size, free, lateRunning, scheduled, onTheWay }));
  }
}
