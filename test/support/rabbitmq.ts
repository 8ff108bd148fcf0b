/** A throw-away RabbitMQ node: own name, ports, files and Erlang cookie. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { parseUrls } from '../../src/drivers/url.ts';
import { type AmqpTransport, createAmqpTransport } from '../../src/messaging/amqp/transport.ts';
import type { TransportEvent, TransportOptions } from '../../src/messaging/contract.ts';
import { consoleProgram, evaluate } from './erlang-console.ts';
import { eventually } from './eventually.ts';
import { freePort } from './servers.ts';
import { redisSurroundings, type Surroundings } from './worker.ts';

const run = promisify(execFile);
const INSTALLED = '/usr/lib/rabbitmq/lib';
const START_SECONDS = 60;
/** A port that was free may be taken a moment later. */
const TRIES = 3;
/**
 * Runs `$0`, and when the test process is gone, which closes stdin, ends it with all its
 * processes, and then the port mapper, which does not end while it knows a node.
 */
const GUARDED = `"$0" < /dev/null &
cat > /dev/null
setsid sh -c 'sleep 1; exec epmd -kill' > /dev/null 2>&1 &
kill -KILL 0`;

/** Where a node is reached. */
export interface RabbitmqPorts {
  readonly port: number;
  /** Evaluates Erlang. */
  readonly consolePort: number;
}

export interface RabbitmqServer {
  readonly port: number;
  readonly ports: RabbitmqPorts;
  /** URL of the virtual host `/`. */
  readonly url: string;
  /** A new virtual host; returns its URL. */
  vhost(): Promise<string>;
  /** `rabbitmqctl`; returns what it prints. */
  ctl(...args: string[]): Promise<string>;
  /** Erlang in the node; returns what it evaluates to, as Erlang prints it, a binary as it is. */
  eval(code: string): Promise<string>;
  /** What `rabbitmqctl list_queues` lists. */
  queues(vhost?: string): Promise<QueueInfo[]>;
  /** SIGKILL: nothing is said to anybody; what was confirmed is on disk. */
  kill(): Promise<void>;
  /** SIGSTOP: it says nothing more, and its connections stay. Before `kill` or `stop` too. */
  pause(): Promise<void>;
  /** After `pause`: it goes on where it was. */
  resume(): void;
  /** Starts it again after `kill`, or kills and starts it, with everything it had on disk. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface QueueInfo {
  readonly name: string;
  readonly type: 'classic' | 'quorum';
  /** Waiting and held ones. */
  readonly messages: number;
}

export interface RabbitmqOptions {
  /** Lines of rabbitmq.conf. */
  readonly config?: readonly string[];
}

/** The wrapper in the PATH drops to a system user; the script below it runs as anybody. */
function program(name: string): string {
  const server = existsSync(INSTALLED)
    ? readdirSync(INSTALLED).find(folder => folder.startsWith('rabbitmq_server-'))
    : undefined;
  if (!server) throw new Error('RabbitMQ is not installed');
  return join(INSTALLED, server, 'sbin', name);
}

/** `TSCELERY_TEST_AMQP_URL` is of no use here: a node is stopped and killed by its tests. */
export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<RabbitmqServer> {
  for (let tries = 1; ; tries++) {
    const node = await createNode(options);
    try {
      await node.start();
      return node.server;
    } catch (error) {
      await node.server.stop();
      if (tries === TRIES) throw error;
    }
  }
}

async function createNode({ config = [] }: RabbitmqOptions) {
  const [port, distribution, epmd, consolePort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const dir = await mkdtemp(join(tmpdir(), 'tscelery-rabbitmq-'));
  const name = `tscelery-${randomUUID().slice(0, 8)}@localhost`;
  const env = {
    ...environment(dir, name, port),
    RABBITMQ_DIST_PORT: String(distribution),
    // the port mapper that Erlang leaves behind: one of our own can be ended
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    // or it refuses to end while a killed node is still registered
    ERL_EPMD_RELAXED_COMMAND_CHECK: '1',
  };
  await mkdir(join(dir, 'mnesia'), { recursive: true });
  await writeFile(join(dir, 'enabled_plugins'), '[].');
  await writeFile(join(dir, 'console'), consoleProgram(consolePort));
  await writeFile(
    join(dir, 'rabbitmq.conf'),
    ['loopback_users = none', 'log.console = false', ...config].join('\n'),
  );
  let child: ChildProcess | undefined;

  const ctl = async (...args: string[]) => {
    const { stdout } = await run(program('rabbitmqctl'), ['-q', ...args], { env });
    return stdout.trim();
  };
  const access = accessTo({ port, consolePort });
  const start = async () => {
    child = spawn('/bin/sh', ['-c', GUARDED, program('rabbitmq-server')], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    child.stdin!.on('error', () => {});
    const started = child;
    const isOver = () => started.exitCode !== null || started.signalCode !== null;
    const isRunning = async () => (await access.eval('rabbit:is_running().')) === 'true';
    await eventually(() => isOver() || isRunning(), { seconds: START_SECONDS, everyMs: 50 });
    if (isOver()) throw new Error(`RabbitMQ ended with ${started.exitCode ?? started.signalCode}`);
  };
  const kill = async () => {
    const started = child;
    child = undefined;
    if (!started || started.exitCode !== null || started.signalCode !== null) return;
    const exited = once(started, 'exit');
    // the whole group: a shell, the emulator and its helpers
    process.kill(-started.pid!, 'SIGKILL');
    await exited;
    await eventually(async () => !(await accepts(port)), { seconds: 10 });
  };
  let emulator = 0;
  const server: RabbitmqServer = {
    ...access,
    port,
    ports: { port, consolePort },
    url: `amqp://guest:guest@127.0.0.1:${port}//`,
    ctl,
    kill,
    pause: async () => {
      // not the shell around it, which is to see when the test ends
      emulator = Number(await access.eval('list_to_binary(os:getpid()).'));
      process.kill(emulator, 'SIGSTOP');
    },
    resume: () => void process.kill(emulator, 'SIGCONT'),
    restart: async () => {
      await kill();
      await start();
    },
    stop: async () => {
      await kill();
      await run('epmd', ['-kill'], { env }).catch(() => {});
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return { server, start };
}

/** What a node does for those who know its ports. */
export function accessTo({
  port,
  consolePort,
}: RabbitmqPorts): Pick<RabbitmqServer, 'eval' | 'queues' | 'vhost'> {
  const evaluateThere = (code: string) => evaluate(consolePort, code);
  return {
    eval: evaluateThere,
    queues: async (vhost = '/') => JSON.parse(await evaluateThere(listQueues(vhost))),
    vhost: async () => {
      const vhost = `v-${randomUUID().slice(0, 8)}`;
      await evaluateThere(
        `rabbit_vhost:add(<<"${vhost}">>, <<"tests">>), rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"${vhost}">>, <<".*">>, <<".*">>, <<".*">>, <<"tests">>).`,
      );
      return `amqp://guest:guest@127.0.0.1:${port}/${vhost}`;
    },
  };
}

const listQueues = (vhost: string) => `rabbit_json:encode([
  maps:from_list([case Item of {name, {resource, _, queue, Name}} -> {name, Name}; _ -> Item end || Item <- Queue])
  || Queue <- rabbit_amqqueue:info_all(<<"${vhost}">>, [name, type, messages])]).`;

function environment(dir: string, name: string, port: number) {
  return {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    HOME: dir,
    RABBITMQ_NODENAME: name,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_MNESIA_BASE: join(dir, 'mnesia'),
    RABBITMQ_LOG_BASE: join(dir, 'log'),
    RABBITMQ_CONFIG_FILE: join(dir, 'rabbitmq'),
    RABBITMQ_CONF_ENV_FILE: join(dir, 'rabbitmq-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'enabled_plugins'),
    // one node on two processors: schedulers that spin cost the tests their time
    // (evaluated when the node has booted)
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `+sbwt none +sbwtdcpu none +sbwtdio none +S 2:2 -eval file:eval("${join(dir, 'console')}")`,
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export interface OpenedAmqp {
  readonly transport: AmqpTransport;
  readonly events: TransportEvent[];
  /** The types of the events so far, in order. */
  eventTypes(): string[];
  warnings(): string[];
}

/** A transport that is closed when the test ends. */
export function openAmqp(
  t: TestContext,
  url: string,
  options: Partial<TransportOptions> = {},
): OpenedAmqp {
  const transport = createAmqpTransport(parseUrls(url), {
    transportOptions: {},
    connectTimeout: 2,
    useSsl: false,
    ...options,
  });
  const events: TransportEvent[] = [];
  transport.onEvent(event => events.push(event));
  t.after(() => transport.close());
  return {
    transport,
    events,
    eventTypes: () => events.map(event => event.type),
    warnings: () => events.flatMap(event => (event.type === 'warning' ? [event.message] : [])),
  };
}

/** The settings and folder of worker tests that kill the node, with results in Redis. */
export const rabbitmqNodeSurroundings = async () => withRedis(await startRabbitmq());

/** Messages on this node, results in Redis. */
export async function withRedis<Server extends Pick<RabbitmqServer, 'url' | 'stop'>>(
  server: Server,
): Promise<Surroundings & { server: Server }> {
  const rest = await redisSurroundings();
  return {
    ...rest,
    name: 'RabbitMQ',
    server,
    settings: { ...rest.settings, broker_url: server.url },
    stop: async () => {
      await server.stop();
      await rest.stop();
    },
  };
}
