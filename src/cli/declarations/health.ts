import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, path, port, seconds, text } from '../parsing/value-type.ts';

/** The variables that give a worker its address tell it to the probe, too. */
const asOfWorker = (name: string) => [`TSCELERY_WORKER_${name}`, `CELERY_WORKER_${name}`];

const HEALTH_OPTIONS = {
  healthPort: {
    flags: ['--health-port'],
    type: port(1),
    section: 'Health Options',
    env: asOfWorker('HEALTH_PORT'),
    help: 'Ask the worker that serves its health on this port.',
  },
  healthHost: {
    flags: ['--health-host'],
    type: text,
    section: 'Health Options',
    env: asOfWorker('HEALTH_HOST'),
    help: 'With --health-port: the address to ask; default 127.0.0.1.',
  },
  healthSocket: {
    flags: ['--health-socket'],
    type: path,
    section: 'Health Options',
    env: asOfWorker('HEALTH_SOCKET'),
    help: 'Ask over this unix socket; %n node, %h host.',
  },
  healthFile: {
    flags: ['--health-file'],
    type: path,
    section: 'Health Options',
    env: asOfWorker('HEALTH_FILE'),
    help: 'Look whether a worker has touched this file in the last 10 seconds; %n node, %h host.',
  },
  pidfile: {
    flags: ['--pidfile'],
    type: path,
    section: 'Health Options',
    env: asOfWorker('PIDFILE'),
    help: 'Look whether the process of this file runs, which is less than to ask it; %n node, %h host.',
  },
  live: {
    flags: ['--live'],
    type: flag,
    section: 'Health Options',
    help: 'Ask only whether it lives, not whether it is ready, which takes a broker. Not with --health-file.',
  },
  timeout: {
    flags: ['-t', '--timeout'],
    type: seconds(0.01),
    section: 'Health Options',
    help: 'Seconds for the answer; default 2.',
  },
  hostname: {
    flags: ['-n', '--hostname'],
    type: text,
    section: 'Health Options',
    env: asOfWorker('HOSTNAME'),
    help: "The worker's node name, for file names with %n and %h.",
  },
} as const satisfies Options;

export const HEALTH: Declaration<typeof HEALTH_OPTIONS> = {
  name: 'health',
  summary: 'Say whether a worker of this machine is well, with exit code 0 or 1; loads no app.',
  arguments: [],
  options: HEALTH_OPTIONS,
};
