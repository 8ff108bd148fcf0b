/**
 * One million no-op tasks through one worker: the memory of its main process has to stay flat.
 *
 *   npm run build && node --import tsx scripts/soak/million.ts [TASKS]
 *
 * Starts a Redis server of its own. Prints a table; exit code 1 when memory grew.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Celery } from '../../src/index.ts';
import { startRedis } from '../../test/support/servers.ts';
import { LivingMemory, residentMemory } from './living-memory.ts';
import { median, quartersOf } from './quarters.ts';
import { SoakedWorker } from './soaked-worker.ts';

const WORKER_ARGS = ['-l', 'WARNING', '-c', '2', '--prefetch-multiplier', '100'];
const QUEUE = 'celery';
const SENT_AT_ONCE = 1000;

const TENTHS = 10;
/** Share of the second quarter's median by which that of the last quarter may differ. */
const TOLERANCE = 0.1;
const POLL_MS = 20;

interface Tenth {
  readonly seconds: number;
  /** Megabytes: the median of what the system saw as this tenth went to its end. */
  readonly rss: number;
  /** Megabytes of living objects at its end. */
  readonly heap: number;
}

async function main(tasks: number): Promise<boolean> {
  const server = await startRedis();
  const memory = await LivingMemory.open();
  try {
    await fill(server.url, tasks);
    const env = { SOAK_BROKER: server.url, ...memory.env };
    const worker = await SoakedWorker.start(WORKER_ARGS, env, memory.nodeArgs);
    const tenths = await watch(worker, server.client(), memory, tasks);
    await worker.stop();
    return report(tenths, tasks);
  } finally {
    await server.stop();
    await memory.close();
  }
}

async function fill(url: string, tasks: number): Promise<void> {
  const app = new Celery('soak', { broker: url, task_ignore_result: true });
  let left = tasks;
  const sender = async () => {
    while (left-- > 0) await app.sendTask('soak.noop');
  };
  await Promise.all(Array.from({ length: SENT_AT_ONCE }, sender));
  await app.close();
}

async function watch(
  worker: SoakedWorker,
  redis: Redis,
  memory: LivingMemory,
  tasks: number,
): Promise<Tenth[]> {
  const tenths: Tenth[] = [];
  const start = performance.now();
  let seen: number[] = [];
  while (tenths.length < TENTHS) {
    worker.check();
    seen.push(await residentMemory(worker.pid));
    const done = tasks - (await redis.llen(QUEUE)) - (await redis.hlen('unacked'));
    if (done >= ((tenths.length + 1) * tasks) / TENTHS) {
      const heap = heapOfMain(await memory.measure());
      const seconds = (performance.now() - start) / 1000;
      // its first half may have seen the worker start
      tenths.push({ seconds, rss: median(seen.slice(seen.length / 2)), heap });
      seen = [];
    }
    await sleep(POLL_MS);
  }
  return tenths;
}

function heapOfMain(heaps: ReadonlyMap<string, number>): number {
  for (const [name, heap] of heaps) if (name.startsWith('main')) return heap;
  throw new Error('The main process did not answer');
}

function report(tenths: readonly Tenth[], tasks: number): boolean {
  console.log(`${tasks.toLocaleString('en')} no-op tasks, ${WORKER_ARGS.slice(2).join(' ')}\n`);
  console.log('| done | seconds | parent RSS MB | parent heap MB |');
  console.log('| ---: | ------: | ------------: | -------------: |');
  for (const [i, { seconds, rss, heap }] of tenths.entries()) {
    const cells = [`${(i + 1) * 10} %`, ...[seconds, rss, heap].map(value => value.toFixed(1))];
    console.log(`| ${cells.join(' | ')} |`);
  }
  const rss = quartersOf(tenths.map(tenth => tenth.rss));
  const heap = quartersOf(tenths.map(tenth => tenth.heap));
  const rssIsFlat = Math.abs(rss.last / rss.second - 1) <= TOLERANCE;
  // it may shrink: at the end nothing is under way any more
  const heapIsFlat = heap.last / heap.second - 1 <= TOLERANCE;
  const told = ({ second, last }: typeof rss) =>
    `${second.toFixed(1)} MB in the second quarter, ${last.toFixed(1)} MB in the last`;
  console.log(`\nRSS ${rssIsFlat ? 'flat' : 'NOT FLAT'}: ${told(rss)}`);
  console.log(`heap ${heapIsFlat ? 'does not grow' : 'GROWS'}: ${told(heap)}`);
  return rssIsFlat && heapIsFlat;
}

process.exitCode = (await main(Number(process.argv[2] ?? 1_000_000))) ? 0 : 1;
