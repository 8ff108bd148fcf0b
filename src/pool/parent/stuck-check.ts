/**
 * Regular looks at children that may be stuck: no messages come from them then, but their ledger
 * can be read. What they have not started in time goes elsewhere, it is said who is blocked, and
 * those that could answer and do not are killed.
 */
import type { Clock, Timer } from '../../base/time/clock.ts';
import type { Blockage } from '../contract.ts';
import type { Child } from './child.ts';
import { type JobLine, PATIENCE } from './job-line.ts';

export interface StuckCheckPorts {
  children(): Iterable<Child>;
  onBlocked(blockage: Blockage): void;
  onDeaf(child: Child, seconds: number): void;
}

export class StuckCheck {
  readonly #clock: Clock;
  readonly #line: JobLine;
  readonly #ports: StuckCheckPorts;
  #timer: Timer | undefined;

  constructor(clock: Clock, dispatcher: JobLine, ports: StuckCheckPorts) {
    this.#clock = clock;
    this.#line = dispatcher;
    this.#ports = ports;
  }

  /** From now on, as long as there are jobs. */
  begin(): void {
    this.#timer ??= this.#clock.every(PATIENCE, () => this.#look(), { unref: true });
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    const now = this.#clock.monotonic();
    let isBusy = this.#line.waiting.length > 0;
    for (const child of this.#ports.children()) {
      if (!child.isBusy) continue;
      isBusy = true;
      if (child.state === 'ready') this.#line.takeBackOverdue(child, now);
      if (child.state === 'ready' || child.state === 'leaving') this.#listenTo(child, now);
    }
    if (!isBusy) this.end();
  }

  #listenTo(child: Child, now: number): void {
    const deaf = child.deafFor(now);
    if (deaf !== undefined) {
      this.#ports.onDeaf(child, deaf);
      return;
    }
    const seconds = child.blockedFor(now);
    if (seconds !== undefined) this.#ports.onBlocked(blockage(child, seconds));
  }
}

function blockage(child: Child, seconds: number): Blockage {
  const running = [...child.held.values()].filter(held => held.state === 'started');
  return {
    where: `${child.name} pid:${child.pid}`,
    seconds,
    isOver: false,
    jobs: running.map(held => held.job.id),
  };
}
