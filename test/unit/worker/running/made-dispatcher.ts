/** A dispatcher before a pool that runs nothing by itself, and what both are told. */
import type { TaskOptions } from '../../../../src/app/options/task-options.ts';
import { type Deferred, deferred } from '../../../../src/base/deferred.ts';
import type { Job, Pool } from '../../../../src/pool/contract.ts';
import { Announcer } from '../../../../src/worker/announcer.ts';
import { Dispatcher } from '../../../../src/worker/running/dispatcher.ts';
import { Endings } from '../../../../src/worker/running/endings.ts';
import { WorkerState } from '../../../../src/worker/worker-state.ts';
import { type Made, notedExecution, requestFor } from '../made-requests.ts';

/** A pool with places that runs nothing by itself. */
class IdlePool {
  size: number;
  readonly isInProcess: boolean;
  readonly jobs: Job[] = [];
  readonly killed: string[] = [];
  /** Jobs that it would give back unstarted. */
  recalled: number[] = [];
  /** Places, and some more to keep them busy. */
  free = 100;

  constructor(size: number, isInProcess: boolean) {
    this.size = size;
    this.isInProcess = isInProcess;
  }

  submit(job: Job): void {
    this.jobs.push(job);
    this.free -= 1;
  }

  terminate(jobId: number, signal = 'SIGKILL'): boolean {
    this.killed.push(`${jobId} ${signal}`);
    return true;
  }

  async recall(): Promise<number[]> {
    return this.recalled;
  }
}

export interface Given {
  readonly places?: number;
  readonly fair?: boolean;
  readonly isInProcess?: boolean;
  readonly mostWaiting?: number;
  /** What the pool may get to when requests wait. */
  readonly mostPlaces?: number;
}

export function dispatcherOf({
  places = 1,
  fair = false,
  isInProcess = false,
  mostWaiting = 2,
  mostPlaces,
}: Given = {}) {
  const { execution, clock, lines, statuses } = notedExecution();
  const heard: string[] = [];
  const announcer = new Announcer([
    {
      started: ({ id }, pid) => void heard.push(`${id} started in ${pid}`),
      answered: ({ id }, { kind }) => void heard.push(`${id} answered ${kind}`),
      timedOut: ({ id }, soft) => void heard.push(`${id} ${soft ? 'soft' : 'hard'} limit`),
    },
  ]);
  const endings = new Endings(execution, announcer, {
    terminated: async ({ id }, signal) => void heard.push(`${id} killed by ${signal}`),
    onAckLost: ({ id }) => void heard.push(`${id} may come again`),
  });
  const state = new WorkerState();
  const unwanted = new Set<string>();
  const loads: number[] = [];
  const dispatcher = new Dispatcher(
    state,
    execution,
    {
      ...{ announcer, endings, mostWaiting: () => mostWaiting },
      unwanted: { discard: ({ id }) => unwanted.has(id) },
      onLoad: () => void loads.push(dispatcher.free),
      onPace: () => void heard.push('pace'),
    },
    { fair },
  );
  const pool = new IdlePool(places, isInProcess);
  const scaler = {
    mostPlaces: mostPlaces ?? 0,
    noteWaiting: () => void heard.push(`${dispatcher.reserved} reserved`),
  };
  dispatcher.attach(pool as unknown as Pool, mostPlaces === undefined ? undefined : scaler);
  const reserve = (id: string, options: TaskOptions = {}, made: Made = {}, task = 't.add') => {
    const held = requestFor({ id, task }, options, made);
    state.requests.add(held.request);
    dispatcher.reserve(held.request);
    return held;
  };
  const done = (job: number, runtime = 1) =>
    dispatcher.events.onDone(job, { kind: 'success', runtime });
  const submitted = () => pool.jobs.map(({ id }) => id);
  return {
    ...{ dispatcher, pool, reserve, done, submitted, unwanted },
    ...{ state, clock, lines, heard, loads, statuses },
  };
}

export const LATE: TaskOptions = { acksLate: true };

/** An acknowledgement that the broker confirms or refuses later. */
export function unconfirmed(): { made: Made; answer: Deferred<void> } {
  const answer = deferred();
  return { made: { answer: answer.promise }, answer };
}
