/**
 * The inside of a child: told by its first message what to load, and from then on told what
 * to run. Whether it lives in a process or a thread is the port's affair.
 */

import { inspect } from 'node:util';
import { isError } from '../../base/kind-of.ts';
import { heldResources, memoryInUse } from '../../base/process/process-facts.ts';
import type { JobRunner, RunnerFactory } from '../contract.ts';
import { ChildLedger, type LedgerMemory, ledgerSize } from '../ledger.ts';
import type {
  Batch,
  ChildInit,
  FromChild,
  JobsMessage,
  PartMessage,
  ToChild,
} from '../messages.ts';
import { EXIT_RECYCLE, isBatch } from '../messages.ts';
import { Heartbeat } from './heartbeat.ts';
import { JobLoop, LoopJob } from './job-loop.ts';
import { Outbox } from './outbox.ts';
import { Parcel } from './parcel.ts';

export interface ChildPort {
  /** `sent` is called when the batch is out, or cannot get out any more. */
  send(batch: Batch<FromChild>, sent: () => void): void;
  ledger(numbers: number): LedgerMemory;
  /** What is to be there before the first job, which may block everything else. */
  prepare?(init: ChildInit): Promise<void>;
  /** Everything is loaded, and the parent knows. */
  onReady?(): void;
  /** It could not be loaded; the child exits when this is resolved. */
  onBroken?(): Promise<void>;
  /** KiB that this child uses. */
  memory(): number;
  exit(code: number): void;
  /** Exit without further ado: no code of the task's may run. */
  die(): void;
}

export class ChildServer {
  readonly #port: ChildPort;
  readonly #outbox: Outbox;
  #worker: Worker | undefined;

  constructor(port: ChildPort) {
    this.#port = port;
    this.#outbox = new Outbox((batch, sent) => port.send(batch, sent));
  }

  receive(batch: unknown): void {
    if (!isBatch<ToChild>(batch)) return;
    for (let i = 1; i < batch.length; i++) {
      const message = batch[i] as ToChild;
      if (message.type === 'init') void this.#begin(message);
      // before it is ready a child can only be asked to go
      else if (this.#worker === undefined) this.#port.exit(0);
      else this.#worker.receive(message);
    }
    this.#worker?.run();
  }

  flush(): void {
    this.#outbox.flush();
  }

  async #begin(init: ChildInit): Promise<void> {
    let answer: FromChild = { type: 'ready' };
    try {
      await this.#port.prepare?.(init);
      const runner = await loadRunner(init, note => this.#worker?.retire(note));
      this.#worker = new Worker(init, runner, this.#port, this.#outbox);
    } catch (error) {
      answer = { type: 'broken', ...describe(error) };
      await this.#port.onBroken?.();
    }
    this.#outbox.add(answer);
    this.#outbox.flush(() => {
      if (answer.type === 'broken') this.#port.exit(1);
      else this.#port.onReady?.();
    });
  }
}

class Worker {
  readonly #init: ChildInit;
  readonly #runner: JobRunner;
  readonly #port: ChildPort;
  readonly #outbox: Outbox;
  readonly #ledger: ChildLedger;
  readonly #loop: JobLoop;
  readonly #heartbeat: Heartbeat;
  #parcel: Parcel | undefined;
  #started = 0;
  #isLeaving = false;

  constructor(init: ChildInit, runner: JobRunner, port: ChildPort, outbox: Outbox) {
    this.#init = init;
    this.#runner = runner;
    this.#port = port;
    this.#outbox = outbox;
    const { ledgerEntries } = init;
    this.#ledger = new ChildLedger(port.ledger(ledgerSize(ledgerEntries)), ledgerEntries);
    this.#heartbeat = new Heartbeat(this.#ledger, () => this.#loop.runs);
    this.#loop = new JobLoop(opening(runner), init.slots, {
      claim: job => this.#claim(job.ticket, job.careful),
      onStarted: job => {
        outbox.started(job);
        this.#heartbeat.start();
        if (++this.#started === init.maxTasks) this.#leave(EXIT_RECYCLE, undefined);
      },
      onReleased: job => outbox.released(job),
      onWaits: (job, what) => outbox.add({ type: 'waits', ticket: job.ticket, what }),
      onDone: (job, reply) => {
        outbox.done(job, reply);
        if (init.maxMemory !== undefined) this.#checkMemory(init.maxMemory);
      },
      onThrown: (job, error) =>
        outbox.add({ type: 'threw', ticket: job.ticket, error: describe(error).message }),
    });
  }

  receive(message: ToChild): void {
    switch (message.type) {
      case 'jobs':
        this.#accept(message);
        break;
      case 'part':
        this.#takeIn(message);
        break;
      case 'no-parcel':
        this.#parcel = undefined;
        break;
      case 'large-job':
        if (this.#parcel?.isComplete) {
          this.#loop.add(new LoopJob(message.ticket, this.#parcel, message.careful));
        }
        this.#parcel = undefined;
        break;
      case 'soft-limit':
        this.#loop.expire(message.ticket, message.seconds);
        break;
      case 'hurry':
        this.#runner.hurry?.();
        break;
      case 'finish':
        this.#leave(0, undefined);
        break;
      case 'die':
        this.#outbox.flush(() => this.#port.die());
        break;
      case 'ping':
        this.#outbox.add(pong(message.wantsReport));
        break;
      case 'init':
        throw new Error('a child is told only once what to load');
    }
  }

  run(): void {
    this.#loop.run();
  }

  retire(note: string): void {
    this.#leave(EXIT_RECYCLE, note);
  }

  #accept(message: JobsMessage): void {
    let ticket = message.first;
    for (const payload of message.payloads) {
      this.#loop.add(new LoopJob(ticket++, payload, message.careful));
    }
  }

  #takeIn(part: PartMessage): void {
    if (part.at === 0) this.#parcel = new Parcel(part.of);
    this.#parcel?.add(part);
  }

  #claim(ticket: number, careful: boolean): boolean {
    this.#outbox.beforeStart(careful);
    const answer = this.#ledger.claim(ticket);
    if (answer === 'dropped') this.#outbox.dropped(ticket);
    return answer === 'run';
  }

  #checkMemory(most: number): void {
    if (this.#isLeaving) return;
    const used = this.#port.memory();
    if (used <= most) return;
    this.#leave(
      EXIT_RECYCLE,
      `child process exiting after exceeding memory limit (${used}KiB / ${most}KiB)`,
    );
  }

  #leave(exitCode: number, note: string | undefined): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if (exitCode === EXIT_RECYCLE) this.#outbox.add({ type: 'leaving', note });
    this.#loop.close(() => void this.#exit(exitCode));
  }

  async #exit(exitCode: number): Promise<void> {
    try {
      await this.#runner.stop();
    } catch (error) {
      const message = `runner of slot ${this.#init.slot} failed to stop: ${describe(error).message}`;
      this.#outbox.add({ type: 'log', level: 'error', message });
    }
    this.#outbox.flush(() => this.#port.exit(exitCode));
  }
}

/** A large payload is read when it is sure that its job runs here: often in vain otherwise. */
function opening(runner: JobRunner): JobRunner {
  return {
    run: (payload, control) =>
      runner.run(payload instanceof Parcel ? payload.open() : payload, control),
    stop: () => runner.stop(),
  };
}

function pong(wantsReport: boolean): FromChild {
  if (!wantsReport) return { type: 'pong', report: undefined };
  const report = [`active handles: ${heldResources()}`, `memory: ${memoryInUse()}`];
  return { type: 'pong', report };
}

function describe(error: unknown): { message: string; stack: string } {
  if (!isError(error)) {
    // an object without a prototype has no text of its own
    const text = typeof error === 'object' ? inspect(error) : String(error);
    return { message: text, stack: text };
  }
  return { message: `${error.name}: ${error.message}`, stack: error.stack ?? error.message };
}

async function loadRunner(init: ChildInit, retire: (note: string) => void): Promise<JobRunner> {
  const module: { createRunner?: RunnerFactory } = await import(init.runnerUrl);
  if (typeof module.createRunner !== 'function') {
    throw new TypeError(`${init.runnerUrl} exports no function createRunner`);
  }
  const { slot, index, name } = init;
  return module.createRunner(init.runnerConfig, { slot, index, name, retire });
}
