/**
 * Clients that live long and never pause: what they hold must not grow, whether they wait for results
 * or send to names that are ever new ones (queues, tasks, routing keys).
 *
 *   npm run build && node --import tsx scripts/soak/clients.ts [--count 15000] [--only WORD,WORD]
 *
 * A run has three times `count` calls; garbage is collected twelve times. The median of the second
 * quarter, when caches by name are full, is compared with that of the last one. `--only` takes the rows whose name has one of the words. Starts servers of its own. Prints a
 * table; exit code 1 when something grew.
 */

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import { Celery, exchange } from '../../src/index.ts';
import { type BrokerName, type Place, PrivateBrokers } from './private-brokers.ts';
import { type Quarters, quartersOf } from './quarters.ts';
import { SoakedWorker } from './soaked-worker.ts';

const IN_FLIGHT = 200;
/** Messages nobody takes are thrown away after so many. */
const TIDIED_EACH = 5000;
const QUEUE = 'soak';
/** Times that memory is looked at in a run. */
const LOOKS = 12;
/** Share by which living memory may be larger in the last quarter, and megabytes: what was under way differs. */
const TOLERANCE = 0.1;
const ALLOWANCE = 1;
const MB = 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What a client does, over and over. */
interface Client {
  readonly app: Celery;
  call(number: number): Promise<unknown>;
  /** Throws away what piled up on the server. */
  tidy?(): Promise<unknown>;
  end?(): Promise<unknown>;
}

type Opened = (place: Place) => Promise<Client>;

const EVENTS = exchange('soak.events', 'topic');

/** The workers' side of results; `rpc://` sends them to the client itself. */
function awaiting(backendOf: (place: Place) => string): Opened {
  return async place => {
    const backend = backendOf(place);
    const app = new Celery('soak', { broker: place.broker, backend, task_default_queue: QUEUE });
    const env = { SOAK_BROKER: place.broker, SOAK_BACKEND: backend, SOAK_QUEUE: QUEUE };
    const worker = await SoakedWorker.start(['-l', 'ERROR', '-P', 'async', '-c', '100'], env);
    return {
      app,
      call: async () => (await app.sendTask('soak.noop')).get({ timeout: 120 }),
      end: () => worker.stop(),
    };
  };
}

function sending(call: (app: Celery, number: number) => Promise<unknown>): Opened {
  return async ({ broker }) => {
    const app = new Celery('soak', {
      broker,
      task_default_queue: QUEUE,
      task_ignore_result: true,
    });
    const redis = broker.startsWith('redis') ? new Redis(broker) : undefined;
    return {
      app,
      call: number => call(app, number),
      tidy: async () => redis?.flushdb(),
      end: async () => redis?.disconnect(),
    };
  };
}

const newQueues = sending((app, i) => app.sendTask('soak.noop', [], { queue: `soak.${i}` }));
const newTasks = sending((app, i) => app.sendTask(`soak.task${i}`));
const newKeys = sending((app, i) =>
  app.sendTask('soak.noop', [], { exchange: EVENTS, routingKey: `soak.${i}` }),
);

/** RabbitMQ has no row with ever new queues: they would be as many in the broker. */
const ROWS: readonly (readonly [name: string, broker: BrokerName, opened: Opened])[] = [
  ['results from redis', 'redis', awaiting(({ backend }) => backend)],
  ['results by rpc', 'rabbitmq', awaiting(() => 'rpc://')],
  ['results from sqlite', 'sqlite', awaiting(({ backend }) => backend)],
  ['new queues on redis', 'redis', newQueues],
  ['new queues on sqlite', 'sqlite', newQueues],
  ['new tasks on redis', 'redis', newTasks],
  ['new tasks on rabbitmq', 'rabbitmq', newTasks],
  ['new tasks on sqlite', 'sqlite', newTasks],
  ['new keys on redis', 'redis', newKeys],
  ['new keys on rabbitmq', 'rabbitmq', newKeys],
  ['new keys on sqlite', 'sqlite', newKeys],
];

/** Megabytes of living objects while `calls` calls are made without a pause. */
async function soak(client: Client, calls: number): Promise<Quarters> {
  const heaps: number[] = [];
  let begun = 0;
  let ended = 0;
  const caller = async () => {
    while (begun < calls) {
      await client.call(begun++);
      ended++;
      if (ended % TIDIED_EACH === 0) await client.tidy?.();
      if (ended >= ((heaps.length + 1) * calls) / LOOKS) heaps.push(living());
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  return quartersOf(heaps);
}

function living(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / MB;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { count: { type: 'string', default: '15000' }, only: { type: 'string', default: '' } },
  });
  const words = values.only.split(',');
  const brokers = new PrivateBrokers();
  let isClean = true;
  console.log('| client | calls | heap MB in the second quarter | in the last | |');
  console.log('| --- | ---: | ---: | ---: | --- |');
  try {
    for (const [name, broker, opened] of ROWS) {
      if (!words.some(word => name.includes(word))) continue;
      const client = await opened(await brokers.place(broker));
      const calls = 3 * Number(values.count);
      const { second, last } = await soak(client, calls);
      await client.app.close();
      await client.end?.();
      const isFlat = last <= second * (1 + TOLERANCE) + ALLOWANCE;
      isClean &&= isFlat;
      const cells = [name, calls, second.toFixed(1), last.toFixed(1)];
      console.log(`| ${cells.join(' | ')} | ${isFlat ? 'flat' : '**GROWS**'} |`);
    }
  } finally {
    await brokers.stop();
  }
  return isClean;
}

process.exitCode = (await main()) ? 0 : 1;
