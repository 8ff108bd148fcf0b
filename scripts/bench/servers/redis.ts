/** A Redis server without persistence that only the lab knows. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { until } from '../until.ts';
import { freePort } from './port.ts';

export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** For preparing; whoever asks all the time opens a connection of its own. */
  readonly client: Redis;
  readonly #process: ChildProcess;
  readonly #clients = new Set<Redis>();

  /** @throws Error when the server cannot be started */
  static async start(folder: string): Promise<RedisServer> {
    const port = await freePort();
    const args = ['--port', port, '--bind', '127.0.0.1', '--dir', folder];
    const volatile = ['--appendonly', 'no', '--save', ''];
    const child = spawn('redis-server', [...args.map(String), ...volatile], { stdio: 'ignore' });
    await once(child, 'spawn');
    const server = new RedisServer(child, port);
    try {
      await until('Redis server', async () => {
        if (child.exitCode !== null) throw new Error('redis-server ended at once');
        return server.client.status === 'ready';
      });
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  private constructor(child: ChildProcess, port: number) {
    this.#process = child;
    this.pid = child.pid ?? 0;
    this.port = port;
    this.url = `redis://127.0.0.1:${port}/0`;
    this.client = this.open();
  }

  open(): Redis {
    const client = new Redis(this.url, {
      maxRetriesPerRequest: null,
      retryStrategy: () => 20,
    });
    client.on('error', () => {});
    this.#clients.add(client);
    return client;
  }

  async version(): Promise<string> {
    const info = await this.client.info('server');
    return /^redis_version:(\S+)/m.exec(info)?.[1] ?? '';
  }

  async clear(): Promise<void> {
    await this.client.flushall();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}
