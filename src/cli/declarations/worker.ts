import { WORKER_SETTINGS } from '../../app/worker-options.ts';
import type { Declaration } from '../command.ts';
import type { Options } from '../option.ts';
import { choice, flag, integer, list, logLevel, path, seconds, text } from '../value-type.ts';

export const WORKER_OPTIONS = {
  hostname: {
    flags: ['-n', '--hostname'],
    type: text,
    section: 'Worker Options',
    help: 'Node name, for example w1@%h; %h host, %n its first part, %d domain. Without @ it is the host part.',
  },
  loglevel: {
    flags: ['-l', '--loglevel'],
    type: logLevel,
    section: 'Worker Options',
    help: 'Least level that is logged: DEBUG, INFO, WARNING (the default), ERROR or CRITICAL.',
  },
  logfile: {
    flags: ['-f', '--logfile'],
    type: path,
    section: 'Worker Options',
    setting: WORKER_SETTINGS.logfile,
    help: 'Log to this file instead of stderr; %n node, %h host, %i child.',
  },
  optimization: {
    flags: ['-O', '--optimization'],
    type: choice('default', 'fair'),
    section: 'Worker Options',
    help: 'default: children get very short tasks ahead; fair: one task for each free place, never more.',
  },
  disablePrefetch: {
    flags: ['--disable-prefetch'],
    type: flag,
    section: 'Worker Options',
    setting: WORKER_SETTINGS.disablePrefetch,
    help: 'Take a message only when a place of the pool is free for it.',
  },
  watch: {
    flags: ['--watch'],
    type: flag,
    section: 'Worker Options',
    help: 'For development: start again, after what runs has ended, whenever source files change.',
  },
  logFormat: {
    flags: ['--log-format'],
    type: choice('text', 'json'),
    section: 'Worker Options',
    help: 'text: lines as Celery writes them (the default); json: one object a line.',
  },
  prefetchMultiplier: {
    flags: ['--prefetch-multiplier'],
    type: integer(0),
    section: 'Worker Options',
    setting: WORKER_SETTINGS.prefetchMultiplier,
    help: 'Messages held for each place of the pool; 0 is no limit.',
  },
  concurrency: {
    flags: ['-c', '--concurrency'],
    type: integer(0),
    section: 'Pool Options',
    setting: WORKER_SETTINGS.concurrency,
    help: 'Number of children; 0 is one for each processor.',
  },
  pool: {
    flags: ['-P', '--pool'],
    type: choice('prefork', 'solo', 'threads', 'async', 'processes', 'gevent', 'eventlet'),
    section: 'Pool Options',
    setting: WORKER_SETTINGS.pool,
    help: 'Kind of pool: prefork (also called processes), solo, threads or async (also called gevent, eventlet).',
  },
  slots: {
    flags: ['--slots'],
    type: integer(1),
    section: 'Pool Options',
    setting: WORKER_SETTINGS.slots,
    help: 'Tasks that one child runs at once.',
  },
  timeLimit: {
    flags: ['--time-limit'],
    type: seconds(0),
    section: 'Pool Options',
    setting: WORKER_SETTINGS.timeLimit,
    help: 'Seconds after which the child that runs a task is killed.',
  },
  softTimeLimit: {
    flags: ['--soft-time-limit'],
    type: seconds(0),
    section: 'Pool Options',
    setting: WORKER_SETTINGS.softTimeLimit,
    help: 'Seconds after which a task is told to end.',
  },
  maxTasksPerChild: {
    flags: ['--max-tasks-per-child'],
    type: integer(1),
    section: 'Pool Options',
    setting: WORKER_SETTINGS.maxTasksPerChild,
    help: 'Tasks after which a child is replaced.',
  },
  maxMemoryPerChild: {
    flags: ['--max-memory-per-child'],
    type: integer(1),
    section: 'Pool Options',
    setting: WORKER_SETTINGS.maxMemoryPerChild,
    help: 'Resident memory in KiB above which a child is replaced.',
  },
  withoutGossip: {
    flags: ['--without-gossip'],
    type: flag,
    section: 'Features',
    help: 'Workers do not listen to each other; they do not yet without it either.',
  },
  withoutMingle: {
    flags: ['--without-mingle'],
    type: flag,
    section: 'Features',
    help: 'Do not ask other workers for what is revoked; nobody is asked yet without it either.',
  },
  withoutHeartbeat: {
    flags: ['--without-heartbeat'],
    type: flag,
    section: 'Features',
    help: 'Send no heartbeat events; none are sent yet without it either.',
  },
  purge: {
    flags: ['--purge', '--discard'],
    type: flag,
    section: 'Queue Options',
    help: 'Delete all waiting messages of the queues first.',
  },
  queues: {
    flags: ['-Q', '--queues'],
    type: list,
    section: 'Queue Options',
    help: 'Consume from these queues only. Redis and SQLite serve priority 0 first, RabbitMQ the largest.',
  },
  excludeQueues: {
    flags: ['-X', '--exclude-queues'],
    type: list,
    section: 'Queue Options',
    help: 'Do not consume from these queues.',
  },
  include: {
    flags: ['-I', '--include'],
    type: list,
    section: 'Queue Options',
    help: 'Modules to import at the start.',
  },
  detach: {
    flags: ['-D', '--detach'],
    type: flag,
    section: 'Daemonization Options',
    help: 'Start in the background; returns when the worker is ready, or says why it is not.',
  },
  pidfile: {
    flags: ['--pidfile'],
    type: path,
    section: 'Daemonization Options',
    setting: 'worker_pidfile',
    help: 'Keep the process id in this file; refuse to start while its process is alive. %n node, %h host.',
  },
  uid: {
    flags: ['--uid'],
    type: text,
    section: 'Daemonization Options',
    setting: 'worker_uid',
    help: 'Run as this user (name or number).',
  },
  gid: {
    flags: ['--gid'],
    type: text,
    section: 'Daemonization Options',
    setting: 'worker_gid',
    help: 'Run as this group (name or number).',
  },
  umask: {
    flags: ['--umask'],
    type: text,
    section: 'Daemonization Options',
    setting: 'worker_umask',
    help: 'File mode mask in the background; octal with a leading 0.',
  },
  executable: {
    flags: ['--executable'],
    type: path,
    section: 'Daemonization Options',
    setting: 'worker_executable',
    help: 'Program to run in the background instead of this Node.',
  },
} as const satisfies Options;

export const WORKER: Declaration<typeof WORKER_OPTIONS> = {
  name: 'worker',
  summary: 'Start a worker.',
  arguments: [
    { name: 'SETTING=VALUE', help: 'Settings, for example worker.concurrency=3.', rest: true },
  ],
  options: WORKER_OPTIONS,
};
