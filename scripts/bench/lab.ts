/**
 * Where the measuring happens: a Redis server of its own, a folder for files and every process
 * that was started. `close` leaves nothing behind, whenever it is called.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../../test/support/servers.ts';
import { type Snapshot, shareOfOthers } from './measure.ts';
import { type Command, Running } from './processes.ts';

export class Lab {
  readonly processors = availableParallelism();
  readonly redisUrl: string;
  readonly redisPort: number;
  readonly redisPid: number;
  readonly redisVersion: string;
  /** For preparing; counters open connections of their own. */
  readonly redis: Redis;
  readonly #server: RedisServer;
  readonly #dir: string;
  readonly #running = new Set<Running>();
  #isClosed = false;

  static async open(): Promise<Lab> {
    const server = await startRedis();
    const redis = server.client();
    const info = await redis.info('server');
    return new Lab(server, redis, info, await mkdtemp(join(tmpdir(), 'tscelery-bench-')));
  }

  private constructor(server: RedisServer, redis: Redis, info: string, dir: string) {
    const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1] ?? '';
    this.#server = server;
    this.#dir = dir;
    this.redis = redis;
    this.redisUrl = server.url;
    this.redisPort = server.port;
    this.redisPid = Number(field('process_id'));
    this.redisVersion = field('redis_version');
  }

  /** The path of a file that lives until the next `clear`. */
  file(name: string): string {
    return join(this.#dir, name);
  }

  openRedis(): Redis {
    return this.#server.client();
  }

  /** Forget all data of the run before. */
  async clear(): Promise<void> {
    await this.redis.flushall();
    for (const name of await readdir(this.#dir)) await rm(this.file(name), { recursive: true });
  }

  async start(command: Command): Promise<Running> {
    const running = await Running.start({ cwd: this.#dir, ...command });
    this.#running.add(running);
    return running;
  }

  async stop(running: Running): Promise<void> {
    await running.stop();
    this.#running.delete(running);
  }

  /** Run a program to its end. @returns its standard output */
  async run(command: Command): Promise<string> {
    const running = await this.start(command);
    try {
      return await running.finish();
    } finally {
      running.kill();
      this.#running.delete(running);
    }
  }

  /** Run a program whose last line of output is JSON. */
  async ask<T>(command: Command): Promise<T> {
    const lines = (await this.run(command)).trim().split('\n');
    return JSON.parse(lines.at(-1) ?? '') as T;
  }

  /** Which share of the machine went to processes that are not the lab's, 0 to 1. */
  shareOfOthers(from: Snapshot, to: Snapshot): number {
    return shareOfOthers(from, to, this.processors);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const running of this.#running) running.kill();
    await this.#server.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
