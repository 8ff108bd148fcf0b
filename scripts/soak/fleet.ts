/**
 * What it costs an idle worker to be one of many: its processor time and its memory while it
 * hears the heartbeats of a fleet. Linux only.
 *
 *   npm run build && node --import tsx scripts/soak/fleet.ts [--nodes 50] [--seconds 60]
 *     [--broker redis,rabbitmq]
 *
 * The other nodes are made up: each sends Celery's heartbeat every two seconds. Every broker has a
 * worker with gossip and one without, `-c 1`, one after the other. Prints a table of the time of
 * the main process and of all of the worker's processes. To read it on a machine that does other
 * things: the first row is a Node that does nothing but read as many texts from a socket. Exit code 1 when the worker
 * with gossip takes more than 1 % of a processor in its main process, or its living memory grows.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Celery } from '../../src/index.ts';
import { LivingMemory } from './living-memory.ts';
import { type BrokerName, PrivateBrokers } from './private-brokers.ts';
import { SoakedWorker } from './soaked-worker.ts';

const BEAT_SECONDS = 2;
/** Until the worker has started and knows all nodes, and until V8 has tidied up after that. */
const SETTLE_SECONDS = 15;
const TIDY_SECONDS = 30;
/** Clock ticks in a second, which Linux never made anything else for programs. */
const TICKS = 100;
const MOST_PERCENT = 1;
/** Megabytes: what a collection leaves differs. */
const ALLOWANCE = 0.5;

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '60' },
    broker: { type: 'string', default: 'redis,rabbitmq' },
  },
});
const nodes = Number(values.nodes);
const seconds = Number(values.seconds);

interface Row {
  readonly broker: string;
  readonly variant: string;
  /** Percent of a processor. */
  readonly main: number;
  readonly all: number;
  /** Megabytes. */
  readonly before: number;
  readonly after: number;
}

/** @returns what ends them */
function startFleet(app: Celery): () => void {
  const timers = Array.from({ length: nodes }, (_, n) => {
    const events = app.events.Dispatcher({ hostname: `node${n}@fleet` });
    const beat = () =>
      events.send('worker-heartbeat', {
        ...{ freq: BEAT_SECONDS, active: 0, processed: 0, loadavg: [0.9, 0.7, 0.5] },
        ...{ sw_ident: 'py-celery', sw_ver: '5.2.6', sw_sys: 'Linux' },
      });
    let timer = setTimeout(
      () => {
        beat();
        timer = setInterval(beat, BEAT_SECONDS * 1000);
      },
      (BEAT_SECONDS * 1000 * n) / nodes,
    );
    return () => clearTimeout(timer);
  });
  return () => {
    for (const stop of timers) stop();
  };
}

/** Seconds of processor time so far. */
function processorTime(pid: number): number {
  // the name of the program may have spaces
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function withChildren(pid: number): number[] {
  const children = readdirSync('/proc').filter(
    name => /^\d+$/.test(name) && parentOf(name) === pid,
  );
  return [pid, ...children.flatMap(child => withChildren(Number(child)))];
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1]);
  } catch {
    return undefined; // it has just ended
  }
}

/** Percent of a processor for a Node that is told as much and does nothing about it. */
async function bare(): Promise<number> {
  const text = 'x'.repeat(700);
  const server = createServer(socket => {
    const timer = setInterval(() => socket.write(text), (BEAT_SECONDS * 1000) / nodes);
    socket.on('error', () => {}).on('close', () => clearInterval(timer));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const code = `require('net').connect(${port}, '127.0.0.1').on('data', () => {})`;
  const child = spawn(process.execPath, ['-e', code], { stdio: 'inherit' });
  await once(child, 'spawn');
  await sleep(SETTLE_SECONDS * 1000);
  const [percent] = await processorShare([child.pid!]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  server.close();
  return percent!;
}

/** Percent of a processor for each of these, during the time that is measured. */
async function processorShare(pids: readonly number[]): Promise<number[]> {
  const times = () => pids.map(processorTime);
  const [started, from] = [performance.now(), times()];
  await sleep(seconds * 1000);
  const [ended, until] = [performance.now(), times()];
  return pids.map((_, at) => ((until[at]! - from[at]!) * 100_000) / (ended - started));
}

async function measured(
  brokers: PrivateBrokers,
  broker: BrokerName,
  args: readonly string[],
): Promise<Row> {
  const place = await brokers.place(broker);
  const app = new Celery('fleet', { broker: place.broker });
  const memory = await LivingMemory.open();
  const env = { ...memory.env, SOAK_BROKER: place.broker };
  const words = ['-l', 'ERROR', '-c', '1', ...args];
  const worker = await SoakedWorker.start(words, env, memory.nodeArgs);
  const stopFleet = startFleet(app);
  await sleep(SETTLE_SECONDS * 1000);
  const living = async () =>
    [...(await memory.measure())].find(([name]) => name.includes(String(worker.pid)))?.[1] ??
    Number.NaN;
  const before = await living();
  await sleep(TIDY_SECONDS * 1000);
  const percent = await processorShare(withChildren(worker.pid));
  const after = await living();
  worker.check();
  stopFleet();
  await worker.stop();
  await Promise.all([app.close(), memory.close()]);
  const variant = args.length > 0 ? args.join(' ') : 'with gossip';
  const all = percent.reduce((sum, each) => sum + each, 0);
  return { broker, variant, main: percent[0]!, all, before, after };
}

const brokers = new PrivateBrokers();
let isFine = true;
console.log(
  `${nodes} nodes, ${seconds} s, percent of a processor (main process, all), megabytes of living memory`,
);
try {
  console.log(`bare Node                   ${(await bare()).toFixed(2)} %`);
  for (const broker of values.broker.split(',') as BrokerName[]) {
    for (const args of [[], ['--without-gossip']]) {
      const { variant, main, all, before, after } = await measured(brokers, broker, args);
      const numbers = `${main.toFixed(2)} % ${all.toFixed(2)} %  ${before.toFixed(2)} → ${after.toFixed(2)} MB`;
      console.log(`${broker.padEnd(10)}${variant.padEnd(18)}${numbers}`);
      if (args.length === 0) isFine &&= main <= MOST_PERCENT && after < before + ALLOWANCE;
    }
  }
} finally {
  await brokers.stop();
}
process.exitCode = isFine ? 0 : 1;
