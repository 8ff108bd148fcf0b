import type { ReceivedEvent } from './receiver.ts';

const MOST_HEARTBEATS = 4;
/** Beats that may be missing before a worker counts as gone: two, as in Celery. */
const PATIENCE = 2;
const MOST_TEXT = 200;

/**
 * A worker as far as events tell of it. Fields are read only to others than `EventState`. Celery:
 * `celery.events.state.Worker`.
 */
export class EventWorker {
  readonly hostname: string;
  pid: number | null = null;
  /** Seconds between two heartbeats. */
  freq = 60;
  /** When its last heartbeats came, by the clock of this process: at most 4, the newest last. */
  readonly heartbeats: number[] = [];
  /** Logical clock of its newest event. */
  clock = 0;
  /** Tasks that run, and those that have been run. */
  active: number | null = null;
  processed: number | null = null;
  loadavg: readonly number[] | null = null;
  /** What kind of worker it is: `tscelery`, or `py-celery`; its version and system. */
  swIdent: string | null = null;
  swVer: string | null = null;
  swSys: string | null = null;

  constructor(hostname: string) {
    this.hostname = hostname;
  }

  get id(): string {
    return `${this.hostname}.${this.pid}`;
  }

  /** @param now seconds since 1970 */
  isAlive(now = Date.now() / 1000): boolean {
    const last = this.heartbeats.at(-1);
    return last !== undefined && now < last + this.patience;
  }

  /** Seconds of silence after which it counts as gone. */
  get patience(): number {
    return this.freq * PATIENCE;
  }

  /** @internal What `worker-<subject>` says. */
  event(subject: string, event: ReceivedEvent): void {
    this.pid = count(event.pid, this.pid);
    this.clock = count(event.clock, this.clock) ?? 0;
    this.active = count(event.active, this.active);
    this.processed = count(event.processed, this.processed);
    this.swIdent = text(event.sw_ident, this.swIdent);
    this.swVer = text(event.sw_ver, this.swVer);
    this.swSys = text(event.sw_sys, this.swSys);
    const { freq, loadavg } = event;
    if (Number.isFinite(freq) && (freq as number) > 0) this.freq = freq as number;
    if (Array.isArray(loadavg) && loadavg.length <= 3) {
      this.loadavg = loadavg.map(load => count(load, 0) ?? 0);
    }
    if (subject === 'offline') this.heartbeats.length = 0;
    else this.beat(event.local_received);
  }

  /** @internal It was alive when that came. */
  beat(received: number): void {
    this.heartbeats.push(received);
    this.heartbeats.sort((a, b) => a - b);
    if (this.heartbeats.length > MOST_HEARTBEATS) this.heartbeats.shift();
  }
}

function count(value: unknown, before: number | null): number | null {
  return Number.isFinite(value) ? (value as number) : before;
}

function text(value: unknown, before: string | null): string | null {
  return typeof value === 'string' ? value.slice(0, MOST_TEXT) : before;
}
