/**
 * What a system must offer to be measured. Suites know nothing else of it, systems know
 * nothing of the suites.
 */
import type { Lab } from './lab.ts';
import type { Command } from './processes.ts';

/** A queue full of prepared messages, and the worker that empties it. */
export interface DrainSubject {
  /** Enough for a run of some seconds. */
  readonly tasks: number;
  fill(lab: Lab, tasks: number): Promise<void>;
  openCounter(lab: Lab): Promise<QueueCounter>;
  worker(lab: Lab): Command;
  /** How many results are stored; asked after a run when the subject stores any. */
  storedResults?(lab: Lab): Promise<number>;
}

/** A connection of its own to the broker, for asking every few milliseconds. */
export interface QueueCounter {
  /** Tasks that wait or are held by the worker. */
  remaining(): Promise<number>;
  close(): void;
}

/** A program that sends tasks and prints its rates as one line of JSON. */
export interface EnqueueSubject {
  producer(lab: Lab): Command;
}

/** A worker, and a program that sends it tasks one by one and prints the delays as JSON. */
export interface LatencySubject {
  worker(lab: Lab): Command;
  producer(lab: Lab): Command;
}

/** A worker with two children (or none) whose standard output or error says `ready.`. */
export interface FootprintSubject {
  worker(lab: Lab): Command;
  /** Work that makes it start everything it has, if it waits with that. */
  warmUp?(lab: Lab): Command;
  /** The shortest thing its command line can do. */
  version?(lab: Lab): Command;
}

export interface BeatSize {
  readonly entries: number;
  /** Seconds between two runs of each. */
  readonly every: number;
}

/** A scheduler that says `beat: Starting...`. */
export interface BeatSubject {
  beat(lab: Lab, size: BeatSize): Command;
  /** Takes what it sends for so many seconds, and prints as one line of JSON how late it came. */
  arrivals(lab: Lab, seconds: number): Command;
  /** Whether ten thousand entries a second, and a hundred thousand entries, are worth a try. */
  readonly bearsMany: boolean;
}

export interface System {
  /** As shown in the tables and matched by `--systems`. */
  readonly name: string;
  /** On Redis, or whatever else is the system's own: without results, and with. */
  readonly drain?: DrainSubject;
  readonly results?: DrainSubject;
  /** The same on RabbitMQ; results are messages there. */
  readonly rabbitmq?: DrainSubject;
  readonly rpc?: DrainSubject;
  readonly enqueue?: EnqueueSubject;
  readonly latency?: LatencySubject;
  /** A worker, and a program that sends it workflows and prints how long each took. */
  readonly workflows?: LatencySubject;
  readonly beat?: BeatSubject;
  readonly footprint?: FootprintSubject;
}

/** The system that all ratios refer to. */
export const BASELINE = 'Python Celery prefork -c 2';
