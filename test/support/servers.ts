/**
 * Throw-away servers on private ports. A test may kill and restart what it started here;
 * nothing else on the machine is touched.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';

/** Below the ports that systems give to outgoing connections, one of which might take it first. */
const PORTS = { from: 12_000, to: 30_000 };
const TRIES = 100;

/** A port that stays free until somebody listens there, also between a crash and a restart. */
export async function freePort(): Promise<number> {
  for (let i = 0; i < TRIES; i++) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${PORTS.from} and ${PORTS.to}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** SIGKILL, as a crash would; data written before is on disk when `persistent`. */
  kill(): Promise<void>;
  /** Start again on the same port and data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
  client(): Redis;
}

export interface RedisServerOptions {
  /** Append-only file with fsync on every write, so that a SIGKILL loses nothing. */
  persistent?: boolean;
  password?: string;
  args?: string[];
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'tscelery-redis-'));
  const auth = options.password ? `:${encodeURIComponent(options.password)}@` : '';
  const url = `redis://${auth}127.0.0.1:${port}/0`;
  const clients: Redis[] = [];
  let child: ChildProcess | undefined;

  const start = async () => {
    const persistence = options.persistent
      ? ['--appendonly', 'yes', '--appendfsync', 'always']
      : ['--appendonly', 'no'];
    const password = options.password ? ['--requirepass', options.password] : [];
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
    child = spawn('redis-server', [...args, ...persistence, ...password, ...(options.args ?? [])], {
      stdio: 'ignore',
    });
    const started = child;
    const failed = once(started, 'error').then(([error]) => Promise.reject(error));
    failed.catch(() => {});
    const probe = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    probe.on('error', () => {});
    await Promise.race([
      failed,
      eventually(async () => {
        if (probe.status !== 'ready') await probe.connect();
        return (await probe.ping()) === 'PONG';
      }),
    ]);
    probe.disconnect();
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };

  await start();
  return {
    port,
    url,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGKILL');
      await start();
    },
    stop: async () => {
      for (const client of clients) client.disconnect();
      await end('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
    client: () => {
      const client = new Redis(url, { maxRetriesPerRequest: null });
      client.on('error', () => {});
      clients.push(client);
      return client;
    },
  };
}
