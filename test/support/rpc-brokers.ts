/** The brokers that carry results in tests of `rpc://`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RabbitmqServer, startRabbitmq } from './rabbitmq.ts';
import { redisSurroundings, type Surroundings, sqliteSurroundings } from './worker.ts';

const withRpc = (surround: () => Promise<Surroundings>) => async (): Promise<Surroundings> => {
  const { settings, ...rest } = await surround();
  return { ...rest, settings: { ...settings, result_backend: 'rpc://' } };
};

/** A node of its own, with results over it. */
export async function rabbitmqWithRpc(): Promise<Surroundings & { server: RabbitmqServer }> {
  const server = await startRabbitmq();
  const dir = await mkdtemp(join(tmpdir(), 'tscelery-worker-'));
  return {
    name: 'RabbitMQ',
    settings: { broker_url: server.url, result_backend: 'rpc://' },
    dir,
    server,
    stop: async () => {
      await server.stop();
      await rm(dir, { recursive: true });
    },
  };
}

export const rpcBrokers = [
  { broker: 'RabbitMQ', surround: rabbitmqWithRpc },
  { broker: 'Redis', surround: withRpc(redisSurroundings) },
  { broker: 'SQLite', surround: withRpc(sqliteSurroundings) },
];
