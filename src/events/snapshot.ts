import type { Clock, Timer } from '../base/time/clock.ts';
import type { EventState } from './state.ts';

/** Takes snapshots of what events say, for example into a database. Celery: `Polaroid`. */
export interface Camera {
  /** Called every few seconds. What it returns is waited for: meanwhile there is no other. */
  onShutter(state: EventState): unknown;
  /** Called once an hour: time to delete what is old. */
  onCleanup?(): unknown;
  /** Forget finished tasks after each snapshot. Default false. */
  readonly clearAfter?: boolean;
}

export interface SnapshotOptions {
  /** Seconds between two snapshots. */
  readonly frequency: number;
  /** Seconds that must have gone by since the last one in any case; 0 is no limit. */
  readonly pause: number;
  readonly clock: Clock;
  warn(text: string): void;
}

/** Seconds, as in Celery. */
const CLEANUP_EVERY = 3600;

export class Snapshots {
  readonly #camera: Camera;
  readonly #state: EventState;
  readonly #options: SnapshotOptions;
  #timers: Timer[] = [];
  #last = Number.NEGATIVE_INFINITY;
  #taking: Promise<void> | undefined;

  constructor(camera: Camera, state: EventState, options: SnapshotOptions) {
    this.#camera = camera;
    this.#state = state;
    this.#options = options;
  }

  start(): void {
    const { clock, frequency } = this.#options;
    this.#timers = [
      clock.every(frequency, () => this.#take()),
      clock.every(CLEANUP_EVERY, () => void this.#safely(() => this.#camera.onCleanup?.())),
    ];
  }

  /** Takes the last one, whatever the limit, or else what came since would be missing. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    await this.#taking;
    await this.#shutter();
  }

  #take(): void {
    const { clock, pause } = this.#options;
    if (this.#taking || clock.monotonic() - this.#last < pause) return;
    this.#last = clock.monotonic();
    this.#taking = this.#shutter().finally(() => {
      this.#taking = undefined;
    });
  }

  async #shutter(): Promise<void> {
    await this.#safely(() => this.#camera.onShutter(this.#state));
    if (this.#camera.clearAfter) this.#state.clearTasks();
  }

  async #safely(work: () => unknown): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.warn(`The camera failed: ${(error as Error)?.stack ?? String(error)}`);
    }
  }
}
