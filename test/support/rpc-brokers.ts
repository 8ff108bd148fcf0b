/** The brokers that carry results in tests of `rpc://`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRabbitmq } from './rabbitmq.ts';
import { type SharedRabbitmq, shareRabbitmq } from './shared-rabbitmq.ts';
import { redisSurroundings, type Surroundings, sqliteSurroundings } from './worker.ts';

const withRpc = (surround: () => Promise<Surroundings>) => async (): Promise<Surroundings> => {
  const { settings, ...rest } = await surround();
  return { ...rest, settings: { ...settings, result_backend: 'rpc://' } };
};

/** With results over it. */
const over =
  <S extends SharedRabbitmq>(start: () => Promise<S>) =>
  async (): Promise<Surroundings & { server: S }> => {
    const server = await start();
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
  };

/** A node of its own, which may be killed. */
export const rabbitmqWithRpc = over(() => startRabbitmq());
export const sharedRabbitmqWithRpc = over(shareRabbitmq);

export const rpcBrokers = [
  { broker: 'RabbitMQ', surround: sharedRabbitmqWithRpc },
  { broker: 'Redis', surround: withRpc(redisSurroundings) },
  { broker: 'SQLite', surround: withRpc(sqliteSurroundings) },
];
