/** Brokers of a soak's own: a database of each kind for every run, on servers that end with it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RabbitmqServer, startRabbitmq } from '../../test/support/rabbitmq.ts';
import { type RedisServer, startRedis } from '../../test/support/servers.ts';

export const BROKERS = ['redis', 'rabbitmq', 'sqlite'] as const;
export type BrokerName = (typeof BROKERS)[number];

export interface Place {
  readonly broker: string;
  readonly backend: string;
}

/** Databases that a Redis server has by default. */
const DATABASES = 16;

export class PrivateBrokers {
  readonly #redis: (Promise<RedisServer> | undefined)[] = [];
  #rabbitmq: Promise<RabbitmqServer> | undefined;
  #folder: string | undefined;
  #places = 0;

  /** Somewhere that nobody has used. Results are where messages are, those of RabbitMQ in Redis. */
  async place(broker: BrokerName): Promise<Place> {
    const number = this.#places++;
    if (broker === 'sqlite') {
      this.#folder ??= await mkdtemp(join(tmpdir(), 'tscelery-soak-'));
      const file = join(this.#folder, `${number}.sqlite`);
      return { broker: `sqla+sqlite:///${file}`, backend: `db+sqlite:///${file}` };
    }
    const redis = await this.#database(number);
    if (broker === 'redis') return { broker: redis, backend: redis };
    this.#rabbitmq ??= startRabbitmq();
    return { broker: await (await this.#rabbitmq).vhost(), backend: redis };
  }

  async stop(): Promise<void> {
    for (const redis of this.#redis) await (await redis)?.stop();
    await (await this.#rabbitmq)?.stop();
    if (this.#folder) await rm(this.#folder, { recursive: true });
  }

  async #database(number: number): Promise<string> {
    const server = Math.floor(number / DATABASES);
    this.#redis[server] ??= startRedis();
    const { port } = await this.#redis[server];
    return `redis://127.0.0.1:${port}/${number % DATABASES}`;
  }
}
