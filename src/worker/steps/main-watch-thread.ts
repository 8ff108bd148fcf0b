/** The inside of the thread of `main-watch.ts`. */
import { workerData } from 'node:worker_threads';
import { stackOfMain } from '../../pool/stacks/stack-of-main.ts';
import { createLogger } from '../../process/log.ts';
import { BEAT_MS, type MainWatchData } from './main-watch.ts';

/** Beats that are missing in a row; one that only slept, with all its threads, misses none. */
const STANDS_STILL = 5;
/** The same until it is said once more. */
const AGAIN = 60;

const { beats, log } = workerData as MainWatchData;
const logger = createLogger(log);
let last = Atomics.load(beats, 0);
let missing = 0;

setInterval(() => {
  const now = Atomics.load(beats, 0);
  missing = now === last ? missing + 1 : 0;
  last = now;
  if (missing === STANDS_STILL || (missing > 0 && missing % AGAIN === 0)) void tell(missing);
}, BEAT_MS);

async function tell(count: number): Promise<void> {
  const stack = await stackOfMain();
  const where =
    stack === undefined
      ? 'not in JavaScript: in a synchronous call.'
      : ['here:', ...stack.map(frame => `  ${frame}`)].join('\n');
  const seconds = (count * BEAT_MS) / 1000;
  logger.error(`The event loop of the worker has stood still for ${seconds} s, ${where}`);
}
