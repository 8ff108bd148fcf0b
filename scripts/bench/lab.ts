/**
 * Where the measuring happens: servers of its own, a folder for files and every process that
 * was started. `close` leaves nothing behind, whenever it is called.
 */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Snapshot, shareOfOthers } from './measure.ts';
import { type Command, Running } from './processes.ts';
import { RabbitmqNode } from './servers/rabbitmq.ts';
import { RedisServer } from './servers/redis.ts';

export class Lab {
  readonly processors = availableParallelism();
  readonly redis: RedisServer;
  readonly #dir: string;
  readonly #running = new Set<Running>();
  #rabbitmq: Promise<RabbitmqNode> | undefined;
  #rabbitmqNode: RabbitmqNode | undefined;
  #isClosed = false;

  static async open(): Promise<Lab> {
    const dir = await mkdtemp(join(tmpdir(), 'tscelery-bench-'));
    await mkdir(join(dir, 'files'));
    return new Lab(await RedisServer.start(dir), dir);
  }

  private constructor(redis: RedisServer, dir: string) {
    this.redis = redis;
    this.#dir = dir;
  }

  /** Only between `startRabbitmq` and `stopRabbitmq`. */
  get rabbitmq(): RabbitmqNode {
    if (!this.#rabbitmqNode) throw new Error('RabbitMQ was not started');
    return this.#rabbitmqNode;
  }

  /** It takes a while to start and is never quite idle: it runs only while it is measured. */
  async startRabbitmq(): Promise<void> {
    this.#rabbitmq ??= RabbitmqNode.start(join(this.#dir, 'rabbitmq'));
    this.#rabbitmqNode = await this.#rabbitmq;
  }

  async stopRabbitmq(): Promise<void> {
    const starting = this.#rabbitmq;
    this.#rabbitmq = undefined;
    this.#rabbitmqNode = undefined;
    await (await starting?.catch(() => undefined))?.stop();
  }

  /** The path of a file that lives until the next `clear`. */
  file(name: string): string {
    return join(this.#dir, 'files', name);
  }

  /** Forget all data of the run before; queues of RabbitMQ are made anew when they are filled. */
  async clear(): Promise<void> {
    await this.redis.clear();
    for (const name of await readdir(this.file(''))) await rm(this.file(name), { recursive: true });
  }

  async start(command: Command): Promise<Running> {
    const running = await Running.start({ cwd: this.file(''), ...command });
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
    await this.stopRabbitmq();
    await this.redis.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
