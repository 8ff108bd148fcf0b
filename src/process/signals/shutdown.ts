/**
 * How a process that is told to stop goes down: Celery's ladder from warm over cold to at once.
 * Knows what was asked so far; what stopping means is up to the ports.
 */
import { type Deferred, deferred } from '../../base/deferred.ts';
import { EXIT } from '../exit-codes.ts';

export interface ShutdownPorts {
  /**
   * Stop; a later call makes it quicker: `cold` may give running tasks a while, `now` does not.
   * `onKill` is to be called when running tasks are about to be killed.
   */
  stop(how: 'warm' | 'cold' | 'now', onKill?: () => void): Promise<void>;
  say(line: string): void;
  exit(code: number): void;
}

type Stage = 'running' | 'warm' | 'cold' | 'waiting';

export class Shutdown {
  readonly #ports: ShutdownPorts;
  readonly #name: string;
  readonly #done: Deferred<number> = deferred<number>();
  #stage: Stage = 'running';
  #exitCode: number | undefined;
  #byInterrupt = false;

  /** `name` is how the process calls itself: `worker`, `beat`. */
  constructor(name: string, ports: ShutdownPorts) {
    this.#name = name;
    this.#ports = ports;
  }

  /** Resolves with the exit code when everything has stopped, rejects when stopping failed. */
  get done(): Promise<number> {
    return this.#done.promise;
  }

  get requested(): boolean {
    return this.#stage !== 'running';
  }

  /** `onSignal` is called first each time. */
  actions(
    onSignal: () => void = () => {},
  ): Readonly<Record<'stop' | 'interrupt' | 'quit', () => void>> {
    const after = (step: () => void) => () => {
      onSignal();
      step();
    };
    return {
      stop: after(() => this.warm(EXIT.ok)),
      interrupt: after(() => this.#interrupt()),
      quit: after(() => this.#quit()),
    };
  }

  /** Finish what runs, then stop. The first request decides the exit code. */
  warm(exitCode: number): void {
    this.#exitCode ??= exitCode;
    if (this.#stage !== 'running' && this.#stage !== 'warm') return;
    this.#ports.say(`\n${this.#name}: Warm shutdown (MainProcess)`);
    if (this.#stage === 'warm') return;
    this.#stage = 'warm';
    this.#stop('warm');
  }

  #interrupt(): void {
    if (this.#stage === 'running') this.#firstInterrupt();
    else this.#quit();
  }

  #firstInterrupt(): void {
    this.#byInterrupt = true;
    this.#ports.say(
      `\n${this.#name}: Hitting Ctrl+C again will initiate cold shutdown, terminating all running tasks!`,
    );
    this.warm(EXIT.failure);
  }

  #quit(): void {
    if (this.#stage === 'waiting') {
      this.#ports.exit(EXIT.failure);
    } else if (this.#stage === 'cold') {
      this.#stage = 'waiting';
      this.#ports.say('\nWaiting gracefully for cold shutdown to complete...');
      this.#stop('now');
    } else {
      this.#cold();
    }
  }

  #cold(): void {
    this.#exitCode ??= EXIT.ok;
    this.#stage = 'cold';
    this.#ports.say(`\n${this.#name}: Hitting Ctrl+C again will terminate all running tasks!`);
    this.#stop('cold', () => {
      // Celery leaves this line out when Ctrl+C brought it here.
      if (!this.#byInterrupt) this.#ports.say(`\n${this.#name}: Cold shutdown (MainProcess)`);
    });
  }

  #stop(how: 'warm' | 'cold' | 'now', onKill?: () => void): void {
    this.#ports.stop(how, onKill).then(
      () => this.#done.resolve(this.#exitCode ?? EXIT.ok),
      error => this.#done.reject(error),
    );
  }
}
