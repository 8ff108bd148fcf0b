/**
 * 100 000 awaited results: afterwards no subscription, listener, timer or entry of a map may be
 * left in the process that awaited them.
 *
 *   npm run build && node --import tsx scripts/soak/awaits.ts [RESULTS]
 *
 * Starts a Redis server of its own. Prints a table; exit code 1 when something is left.
 */
import { getEventListeners, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AsyncResult, Celery, type Task } from '../../src/index.ts';
import { type RedisServer, startRedis } from '../../test/support/servers.ts';
import { SoakedWorker } from './soaked-worker.ts';

/** Results awaited before the first look: code is compiled, connections are open. */
const WARM_UP = 5000;
const IN_FLIGHT = 500;
/** Bytes of heap for each awaited result that count as nothing; an entry of a map needs more. */
const NOISE_PER_RESULT = 16;

type Noop = Task<[], number>;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What may grow when something is left behind. */
interface Left {
  readonly subscriptions: number;
  readonly listeners: number;
  readonly timers: number;
  readonly handles: number;
  readonly heap: number;
}

async function main(results: number): Promise<boolean> {
  const server = await startRedis();
  const app = new Celery('soak', { broker: server.url, backend: server.url });
  const noop = app.remoteTask<() => number>('soak.noop');
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  try {
    const env = { SOAK_BROKER: server.url, SOAK_BACKEND: server.url };
    const worker = await SoakedWorker.start(['-P', 'async', '-c', '100'], env);
    await awaitResults(noop, WARM_UP, stop.signal);
    const before = await look(server, stop.signal);
    const start = performance.now();
    await awaitResults(noop, results, stop.signal);
    const seconds = (performance.now() - start) / 1000;
    const after = await look(server, stop.signal);
    await worker.stop();
    return report(before, after, results, seconds);
  } finally {
    await app.close();
    await server.stop();
  }
}

/** Each way to wait: with a timeout, with hooks and a signal, by iteration, and giving up. */
async function awaitResults(noop: Noop, count: number, signal: AbortSignal): Promise<void> {
  let left = count;
  const awaiter = async () => {
    while (left > 0) {
      const kind = left-- % 4;
      const result = await noop.delay();
      if (kind === 0) await result.get({ timeout: 60 });
      else if (kind === 1) await result.get({ signal, onMessage() {}, onInterval() {} });
      else if (kind === 2) for await (const _ of result);
      else {
        await result.get({ timeout: 1e-6 }).catch(() => {});
        await result.get({ timeout: 60 });
      }
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, awaiter));
}

async function look(server: RedisServer, signal: AbortSignal): Promise<Left> {
  // unsubscribing is not awaited by those who got their result
  await sleep(500);
  for (let i = 0; i < 3; i++) {
    collect();
    await sleep(50);
  }
  const redis = server.client();
  const channels = (await redis.pubsub('CHANNELS', 'celery-task-meta-*')) as string[];
  redis.disconnect();
  const resources = process.getActiveResourcesInfo();
  return {
    subscriptions: channels.length,
    listeners: getEventListeners(signal, 'abort').length,
    timers: resources.filter(name => name === 'Timeout').length,
    handles: queryObjects(AsyncResult, { format: 'count' }) as number,
    heap: process.memoryUsage().heapUsed,
  };
}

function report(before: Left, after: Left, results: number, seconds: number): boolean {
  console.log(`${results.toLocaleString('en')} awaited results in ${seconds.toFixed(1)} s\n`);
  console.log('| left behind | before | after |\n| --- | ---: | ---: |');
  for (const name of Object.keys(before) as (keyof Left)[]) {
    console.log(`| ${name} | ${before[name]} | ${after[name]} |`);
  }
  const grown = after.heap - before.heap;
  const isClean =
    after.subscriptions === 0 &&
    after.listeners === 0 &&
    after.handles === 0 &&
    after.timers <= before.timers &&
    grown < NOISE_PER_RESULT * results;
  console.log(
    `\nheap grew by ${(grown / 1024).toFixed(0)} KiB; ${isClean ? 'clean' : 'NOT CLEAN'}`,
  );
  return isClean;
}

process.exitCode = (await main(Number(process.argv[2] ?? 100_000))) ? 0 : 1;
