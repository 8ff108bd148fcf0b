/** A thread that sees when the worker's own event loop stands still, which then hears no signal either. */
import { Worker } from 'node:worker_threads';
import { expandNodePath } from '../../base/node-name.ts';
import { ownModule } from '../../base/packages/own-modules.ts';
import type { Service } from '../../base/service.ts';
import type { LogConfig } from '../../process/log.ts';
import type { WorkerParts } from '../assembly.ts';

const ENTRY = ownModule('worker/steps/main-watch-thread');
export const BEAT_MS = 1000;

/** What the thread is born with. */
export interface MainWatchData {
  /** One number, which grows as long as the event loop turns. */
  readonly beats: Int32Array<SharedArrayBuffer>;
  readonly log: LogConfig;
}

/** Undefined when `worker_stack_watch` is off. */
export function createMainWatch({ app, child, hostname }: WorkerParts): Service | undefined {
  if (!app.conf.get('worker_stack_watch')) return undefined;
  const { log } = child;
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const file = log.file && expandNodePath(log.file, hostname);
  let timer: NodeJS.Timeout | undefined;
  let thread: Worker | undefined;
  return {
    async start() {
      const workerData: MainWatchData = { beats, log: { ...log, file } };
      thread = new Worker(ENTRY, { workerData });
      // it is no reason for the worker to end
      thread.on('error', () => {});
      thread.unref();
      timer = setInterval(() => Atomics.add(beats, 0, 1), BEAT_MS).unref();
    },
    async stop() {
      clearInterval(timer);
      await thread?.terminate();
    },
  };
}
