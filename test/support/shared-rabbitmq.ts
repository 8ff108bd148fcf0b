/**
 * One RabbitMQ node for all test files of a run that need no more of it than virtual hosts: to
 * boot one keeps a processor busy for seconds. A file that runs alone starts its own.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import {
  accessTo,
  type RabbitmqPorts,
  type RabbitmqServer,
  startRabbitmq,
  withRedis,
} from './rabbitmq.ts';

/** Names the file in which the ports of the node are to be read, once it runs. */
const VARIABLE = 'TSCELERY_TEST_RABBITMQ';
/** Several attempts to start it, on a machine that runs other tests besides. */
const START_SECONDS = 180;

/** Nobody kills this one, and what concerns the whole node is not to be changed. */
export type SharedRabbitmq = Pick<RabbitmqServer, 'url' | 'vhost' | 'eval' | 'queues' | 'stop'>;

export async function shareRabbitmq(): Promise<SharedRabbitmq> {
  const file = process.env[VARIABLE];
  if (file === undefined) return startRabbitmq();
  await eventually(() => existsSync(file), { seconds: START_SECONDS, everyMs: 50 });
  const node = accessTo(JSON.parse(readFileSync(file, 'utf8')) as RabbitmqPorts);
  const made: string[] = [];
  const vhost = async () => {
    const url = await node.vhost();
    made.push(nameIn(url));
    return url;
  };
  const url = await vhost();
  return {
    url,
    vhost,
    eval: node.eval,
    queues: (name = nameIn(url)) => node.queues(name),
    stop: async () => {
      for (const name of made) await node.eval(`rabbit_vhost:delete(<<"${name}">>, <<"tests">>).`);
    },
  };
}

const nameIn = (url: string) => new URL(url).pathname.slice(1);

/** For the runner: starts the node meanwhile, which is stopped with what this returns. */
export async function offerRabbitmq(): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'tscelery-shared-'));
  const file = join(dir, 'ports');
  process.env[VARIABLE] = file;
  const starting = startRabbitmq().then(server => {
    writeFileSync(`${file}.part`, JSON.stringify(server.ports));
    renameSync(`${file}.part`, file);
    return server;
  });
  starting.catch(error => console.error(error));
  return async () => {
    await starting.then(server => server.stop()).catch(() => {});
    await rm(dir, { recursive: true });
  };
}

/** The settings and folder of worker tests, with results in Redis. */
export const rabbitmqSurroundings = async () => withRedis(await shareRabbitmq());
