/**
 * How long a fleet takes to answer a ping: from the request until the last reply.
 *
 *   npm run build && node --import tsx scripts/soak/ping.ts [--workers 20] [--processes 4]
 *     [--broker redis,rabbitmq]
 *
 * `first` is a client that has to connect before it asks, as `tscelery inspect ping` has; then the
 * median and the longest of twenty more of the same client. Exit code 1 when a reply is missing, or the
 * median is beyond 150 ms.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Celery } from '../../src/index.ts';
import { type BrokerName, PrivateBrokers } from './private-brokers.ts';

const TIMES = 20;
const MOST_MS = 150;
/** Seconds for all to answer. */
const PATIENCE = 10;
const WORKERS = new URL('pinged-workers.js', import.meta.url).pathname;

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '20' },
    processes: { type: 'string', default: '4' },
    broker: { type: 'string', default: 'redis,rabbitmq' },
  },
});
const count = Number(values.workers);
const processes = Number(values.processes);

async function startFleet(broker: string): Promise<() => Promise<void>> {
  const children = Array.from({ length: processes }, (_, n) =>
    fork(WORKERS, {
      env: {
        ...process.env,
        ...{ SOAK_BROKER: broker, PINGED: String(count / processes), PINGED_NAME: `p${n}w` },
      },
      execArgv: [],
    }),
  );
  await Promise.all(children.map(child => once(child, 'message')));
  return async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map(child => once(child, 'exit')));
  };
}

/** Milliseconds until the last reply. @throws Error when one is missing */
async function ping(app: Celery): Promise<number> {
  const started = performance.now();
  let ended = started;
  const onReply = () => {
    ended = performance.now();
  };
  const replies = await app.control.ping({ timeout: PATIENCE, limit: count, onReply });
  if (replies.length < count) throw new Error(`${replies.length} of ${count} answered`);
  return ended - started;
}

const brokers = new PrivateBrokers();
let isFine = true;
console.log(`${count} workers in ${processes} processes; milliseconds until the last reply`);
try {
  for (const name of values.broker.split(',') as BrokerName[]) {
    const { broker } = await brokers.place(name);
    const stop = await startFleet(broker);
    const app = new Celery('client', { broker });
    const first = await ping(app);
    const times: number[] = [];
    for (let n = 0; n < TIMES; n++) times.push(await ping(app));
    times.sort((a, b) => a - b);
    const median = times[TIMES / 2]!;
    const numbers = [first, median, times.at(-1)!].map(ms => ms.toFixed(0).padStart(5));
    console.log(
      `${name.padEnd(10)}first${numbers[0]}   median${numbers[1]}   longest${numbers[2]}`,
    );
    isFine &&= median <= MOST_MS;
    await app.close();
    await stop();
  }
} finally {
  await brokers.stop();
}
process.exitCode = isFine ? 0 : 1;
