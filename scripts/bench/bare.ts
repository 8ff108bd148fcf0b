/** Yardsticks: what is there before any task queue comes into it. */
import { RABBITMQ } from './brokers/rabbitmq.ts';
import type { Command } from './processes.ts';
import type { System } from './system.ts';

const WORKLOADS = new URL('workloads/', import.meta.url).pathname;
/** What a worker with two children and `--prefetch-multiplier 100` takes. */
const PREFETCH = 200;

function node(program: string, env: Record<string, string> = {}): Command {
  return { file: process.execPath, args: [`${WORKLOADS}${program}`], env };
}

export const BARE_AMQPLIB = `bare amqplib consumer, prefetch ${PREFETCH}`;
export const BARE_NODE = 'bare Node process';

export const BARE_SYSTEMS: readonly System[] = [
  {
    name: BARE_AMQPLIB,
    rabbitmq: {
      tasks: 100_000,
      fill: (lab, tasks) => RABBITMQ.fill(lab, tasks, true),
      openCounter: RABBITMQ.openCounter,
      worker: lab =>
        node('bare-amqplib.js', {
          BENCH_BROKER: lab.rabbitmq.url,
          BENCH_PREFETCH: String(PREFETCH),
        }),
    },
  },
  { name: BARE_NODE, footprint: { worker: () => node('bare-node.js') } },
];
