/**
 * A prefork child: started by `child_process.fork`, told by its first message what to load,
 * and from then on told what to run. Imports little: a worker waits for its children.
 */

import type { JobRunner, RunnerFactory } from '../contract.ts';
import { ChildLedger } from '../ledger.ts';
import type { ChildInit, FromChild, JobsMessage, ToChild } from '../messages.ts';
import { EXIT_ORPHANED, EXIT_RECYCLE, isBatch, LEDGER_FD } from '../messages.ts';
import { JobLoop } from './job-loop.ts';
import { Outbox } from './outbox.ts';

const outbox = new Outbox((batch, sent) => {
  // the callback also takes the errors of a channel that closes, which `disconnect` reports
  process.send?.(batch, undefined, undefined, sent);
});

class Child {
  readonly #init: ChildInit;
  readonly #runner: JobRunner;
  readonly #ledger: ChildLedger;
  readonly #loop: JobLoop;
  #started = 0;
  #isLeaving = false;

  constructor(init: ChildInit, runner: JobRunner) {
    this.#init = init;
    this.#runner = runner;
    this.#ledger = new ChildLedger(LEDGER_FD, init.ledgerEntries);
    this.#loop = new JobLoop(runner, init.slots, {
      claim: job => this.#claim(job.ticket, job.careful),
      onStarted: job => {
        outbox.started(job);
        if (++this.#started === init.maxTasks) this.#leave(EXIT_RECYCLE, undefined);
      },
      onReleased: job => outbox.released(job),
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
      case 'soft-limit':
        this.#loop.expire(message.ticket, message.seconds);
        break;
      case 'finish':
        this.#leave(0, undefined);
        break;
      case 'die':
        outbox.flush(() => process.kill(process.pid, 'SIGKILL'));
        break;
      case 'ping':
        outbox.add({ type: 'pong' });
        break;
      case 'init':
        throw new Error('a child is told only once what to load');
    }
  }

  run(): void {
    this.#loop.run();
  }

  #accept(message: JobsMessage): void {
    let ticket = message.first;
    for (const payload of message.payloads) {
      this.#loop.add({ ticket: ticket++, payload, careful: message.careful });
    }
  }

  #claim(ticket: number, careful: boolean): boolean {
    outbox.beforeStart(careful);
    const answer = this.#ledger.claim(ticket);
    if (answer === 'dropped') outbox.dropped(ticket);
    return answer === 'run';
  }

  #checkMemory(most: number): void {
    if (this.#isLeaving) return;
    const used = Math.floor(process.memoryUsage.rss() / 1024);
    if (used <= most) return;
    this.#leave(
      EXIT_RECYCLE,
      `child process exiting after exceeding memory limit (${used}KiB / ${most}KiB)`,
    );
  }

  #leave(exitCode: number, note: string | undefined): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if (exitCode === EXIT_RECYCLE) outbox.add({ type: 'leaving', note });
    this.#loop.close(() => void this.#exit(exitCode));
  }

  async #exit(exitCode: number): Promise<void> {
    try {
      await this.#runner.stop();
    } catch (error) {
      const message = `runner of slot ${this.#init.slot} failed to stop: ${describe(error).message}`;
      outbox.add({ type: 'log', level: 'error', message });
    }
    outbox.flush(() => process.exit(exitCode));
  }
}

function describe(error: unknown): { message: string; stack: string } {
  if (!(error instanceof Error)) return { message: String(error), stack: String(error) };
  return { message: `${error.name}: ${error.message}`, stack: error.stack ?? error.message };
}

async function loadRunner(init: ChildInit): Promise<JobRunner> {
  const module: { createRunner?: RunnerFactory } = await import(init.runnerUrl);
  if (typeof module.createRunner !== 'function') {
    throw new TypeError(`${init.runnerUrl} exports no function createRunner`);
  }
  return module.createRunner(init.runnerConfig, { slot: init.slot, index: init.index });
}

let child: Child | undefined;

async function begin(init: ChildInit): Promise<void> {
  let answer: FromChild = { type: 'ready' };
  try {
    child = new Child(init, await loadRunner(init));
  } catch (error) {
    answer = { type: 'broken', ...describe(error) };
  }
  outbox.add(answer);
  outbox.flush(() => {
    if (answer.type === 'broken') process.exit(1);
  });
}

function receive(batch: unknown): void {
  if (!isBatch<ToChild>(batch)) return;
  for (let i = 1; i < batch.length; i++) {
    const message = batch[i] as ToChild;
    if (message.type === 'init') void begin(message);
    // before it is ready a child can only be asked to go
    else if (child === undefined) process.exit(0);
    else child.receive(message);
  }
  child?.run();
}

// Ctrl+C reaches the whole process group; the parent decides what becomes of the children
process.on('SIGINT', () => {});
// also when the parent was killed: its messages belong to another worker from now on
process.on('disconnect', () => process.exit(EXIT_ORPHANED));
// a task that calls process.exit must not take the replies of earlier ones along
process.on('exit', () => outbox.flush());
process.on('message', receive);
