/** A RabbitMQ node that only the lab knows: own name, ports, files and Erlang cookie. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../until.ts';
import { freePort } from './port.ts';
import { QueueGauge } from './queue-gauge.ts';

const run = promisify(execFile);
/** Where Debian's package puts the versions. */
const INSTALLED = '/usr/lib/rabbitmq/lib';
const PREFIX = 'rabbitmq_server-';
const START_SECONDS = 60;

/** Undefined when RabbitMQ is not installed. */
export function rabbitmqVersion(): string | undefined {
  const folders = existsSync(INSTALLED) ? readdirSync(INSTALLED) : [];
  return folders.find(name => name.startsWith(PREFIX))?.slice(PREFIX.length);
}

/** The wrapper in the PATH drops to a system user; the script below it runs as anybody. */
function program(name: string): string {
  return join(INSTALLED, `${PREFIX}${rabbitmqVersion()}`, 'sbin', name);
}

export class RabbitmqNode {
  readonly url: string;
  /** Of the process below which all of the node runs. */
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  #gauge: QueueGauge | undefined;

  /** @throws Error when it does not come up */
  static async start(folder: string): Promise<RabbitmqNode> {
    const [port, distribution, epmd] = [await freePort(), await freePort(), await freePort()];
    const env = environment(folder, port, distribution, epmd);
    await mkdir(join(folder, 'mnesia'), { recursive: true });
    await writeFile(join(folder, 'enabled_plugins'), '[].');
    await writeFile(
      join(folder, 'rabbitmq.conf'),
      'loopback_users = none\nlog.console = false\nlog.file.level = warning\n',
    );
    const child = spawn(program('rabbitmq-server'), [], { env, stdio: 'ignore', detached: true });
    await once(child, 'spawn');
    const node = new RabbitmqNode(child, port, folder, env);
    try {
      await node.#wait();
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  private constructor(child: ChildProcess, port: number, folder: string, env: NodeJS.ProcessEnv) {
    this.#process = child;
    this.pid = child.pid ?? 0;
    this.#folder = folder;
    this.#env = env;
    this.url = `amqp://guest:guest@127.0.0.1:${port}//`;
  }

  /** Messages that wait in a queue of the default virtual host or are held by its consumers. */
  count(queue: string): Promise<number> {
    if (!this.#gauge) throw new Error('the RabbitMQ node has ended');
    return this.#gauge.count(queue);
  }

  async stop(): Promise<void> {
    this.#gauge?.close();
    this.#gauge = undefined;
    const exited = this.#hasEnded ? undefined : once(this.#process, 'exit');
    try {
      // The whole group: a shell, the emulator and its helpers.
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
    await exited;
    await run('epmd', ['-kill'], { env: this.#env }).catch(() => {});
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  get #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async #wait(): Promise<void> {
    const isUp = async () => {
      if (this.#hasEnded) throw new Error('rabbitmq-server ended at once');
      return this.#ctl('await_startup').then(
        () => true,
        () => false,
      );
    };
    await until('RabbitMQ node', isUp, { seconds: START_SECONDS, everyMs: 500 });
    this.#gauge = await QueueGauge.open(code => this.#ctl('eval', code));
  }

  async #ctl(...args: string[]): Promise<string> {
    const { stdout } = await run(program('rabbitmqctl'), ['-q', ...args], { env: this.#env });
    return stdout.trim();
  }
}

function environment(folder: string, port: number, distribution: number, epmd: number) {
  return {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    HOME: folder,
    RABBITMQ_NODENAME: `bench-${randomUUID().slice(0, 8)}@localhost`,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'rabbitmq-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    // The port mapper that Erlang leaves behind: one of our own can be ended.
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    // Even when it has not noticed yet that the node is gone.
    ERL_EPMD_RELAXED_COMMAND_CHECK: '1',
  };
}
