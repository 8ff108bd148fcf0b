/** The options of every sub-command. */
import { DEATH_REASONS } from '../wire/dead-letter.ts';
import type { Options } from './option.ts';
import {
  choice,
  flag,
  float,
  integer,
  isoDate,
  isoDateOrSeconds,
  jsonArray,
  jsonObject,
  list,
  logLevel,
  path,
  since,
  text,
} from './value-type.ts';

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
    setting: 'worker_logfile',
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
    setting: 'worker_disable_prefetch',
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
    setting: 'worker_prefetch_multiplier',
    help: 'Messages held for each place of the pool; 0 is no limit.',
  },
  concurrency: {
    flags: ['-c', '--concurrency'],
    type: integer(0),
    section: 'Pool Options',
    setting: 'worker_concurrency',
    help: 'Number of children; 0 is one for each processor.',
  },
  pool: {
    flags: ['-P', '--pool'],
    type: choice('prefork', 'solo', 'threads', 'async', 'processes', 'gevent', 'eventlet'),
    section: 'Pool Options',
    setting: 'worker_pool',
    help: 'Kind of pool: prefork (also called processes), solo, threads or async (also called gevent, eventlet).',
  },
  slots: {
    flags: ['--slots'],
    type: integer(1),
    section: 'Pool Options',
    setting: 'worker_child_slots',
    help: 'Tasks that one child runs at once.',
  },
  timeLimit: {
    flags: ['--time-limit'],
    type: float(0),
    section: 'Pool Options',
    setting: 'task_time_limit',
    help: 'Seconds after which the child that runs a task is killed.',
  },
  softTimeLimit: {
    flags: ['--soft-time-limit'],
    type: float(0),
    section: 'Pool Options',
    setting: 'task_soft_time_limit',
    help: 'Seconds after which a task is told to end.',
  },
  maxTasksPerChild: {
    flags: ['--max-tasks-per-child'],
    type: integer(1),
    section: 'Pool Options',
    setting: 'worker_max_tasks_per_child',
    help: 'Tasks after which a child is replaced.',
  },
  maxMemoryPerChild: {
    flags: ['--max-memory-per-child'],
    type: integer(1),
    section: 'Pool Options',
    setting: 'worker_max_memory_per_child',
    help: 'Resident memory in KiB above which a child is replaced.',
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

export const CALL_OPTIONS = {
  args: {
    flags: ['-a', '--args'],
    type: jsonArray,
    section: 'Calling Options',
    help: 'Positional arguments.',
  },
  kwargs: {
    flags: ['-k', '--kwargs'],
    type: jsonObject,
    section: 'Calling Options',
    help: 'Keyword arguments.',
  },
  eta: {
    flags: ['--eta'],
    type: isoDate,
    section: 'Calling Options',
    help: 'Run not before this time; UTC when it names no zone and enable_utc is on.',
  },
  countdown: {
    flags: ['--countdown'],
    type: float(),
    section: 'Calling Options',
    help: 'Run not before so many seconds have passed.',
  },
  expires: {
    flags: ['--expires'],
    type: isoDateOrSeconds,
    section: 'Calling Options',
    help: 'Do not run after this time, or after so many seconds.',
  },
  serializer: {
    flags: ['--serializer'],
    type: text,
    section: 'Calling Options',
    help: 'Serializer of the message; json unless the settings say otherwise.',
  },
  queue: {
    flags: ['--queue'],
    type: text,
    section: 'Routing Options',
    help: 'Send to this queue.',
  },
  exchange: {
    flags: ['--exchange'],
    type: text,
    section: 'Routing Options',
    help: 'Send to this exchange.',
  },
  routingKey: {
    flags: ['--routing-key'],
    type: text,
    section: 'Routing Options',
    help: 'Send with this routing key.',
  },
} as const satisfies Options;

export const RESULT_OPTIONS = {
  task: {
    flags: ['-t', '--task'],
    type: text,
    section: 'Options',
    help: "Name of the task; it must be one of the app's.",
  },
  traceback: {
    flags: ['--traceback'],
    type: flag,
    section: 'Options',
    help: 'Show the stored traceback and do not wait.',
  },
  timeout: {
    flags: ['--timeout'],
    type: float(0),
    section: 'Options',
    help: 'Seconds to wait; for ever unless given.',
  },
} as const satisfies Options;

export const PURGE_OPTIONS = {
  force: {
    flags: ['-f', '--force'],
    type: flag,
    section: 'Options',
    help: 'Do not ask.',
  },
  queues: {
    flags: ['-Q', '--queues'],
    type: list,
    section: 'Options',
    help: 'Purge these queues instead of all configured ones.',
  },
  excludeQueues: {
    flags: ['-X', '--exclude-queues'],
    type: list,
    section: 'Options',
    help: 'Leave these queues alone.',
  },
} as const satisfies Options;

export const SHELL_OPTIONS = {
  eval: {
    flags: ['--eval'],
    type: text,
    section: 'Options',
    help: 'Run this code, print its value and exit; await works.',
  },
  withoutTasks: {
    flags: ['-T', '--without-tasks'],
    type: flag,
    section: 'Options',
    help: 'Leave the tasks out.',
  },
} as const satisfies Options;

export const DLQ_OPTIONS = {
  queue: {
    flags: ['-Q', '--queue'],
    type: list,
    section: 'Which Messages',
    help: 'Dead-letter queues; by default those of worker_dead_letter_queue.',
  },
  task: {
    flags: ['--task'],
    type: text,
    section: 'Which Messages',
    help: 'Only of tasks with such names; * stands for any characters, ? for one.',
  },
  since: {
    flags: ['--since'],
    type: since,
    section: 'Which Messages',
    help: 'Only what died so long ago at most (15m, 2h, 1d; seconds without a unit), or after this time.',
  },
  reason: {
    flags: ['--reason'],
    type: choice(...DEATH_REASONS),
    section: 'Which Messages',
    help: `Only what died of this: ${DEATH_REASONS.join(', ')}.`,
  },
  id: {
    flags: ['--id'],
    type: list,
    section: 'Which Messages',
    help: 'Only tasks with these ids.',
  },
  limit: {
    flags: ['--limit'],
    type: integer(1),
    section: 'Which Messages',
    help: 'No more messages than that of each queue; ls: 100, show: 10, the others: all.',
  },
  scan: {
    flags: ['--scan'],
    type: integer(1),
    section: 'Which Messages',
    help: 'Stop when so many messages were looked at and stay where they are (10000).',
  },
  json: {
    flags: ['--json'],
    type: flag,
    section: 'Output (ls, show)',
    help: 'One JSON object a line.',
  },
  to: {
    flags: ['--to'],
    type: text,
    section: 'Replay',
    help: 'Send to this queue instead of the one where the message died.',
  },
  byExchange: {
    flags: ['--by-exchange'],
    type: flag,
    section: 'Replay',
    help: 'Send to the exchange with the routing key that the message came with; every queue bound there gets it.',
  },
  force: {
    flags: ['-f', '--force'],
    type: flag,
    section: 'Purge',
    help: 'Do not ask.',
  },
} as const satisfies Options;

export const MIGRATE_OPTIONS = {
  limit: {
    flags: ['-n', '--limit'],
    type: integer(1),
    section: 'Migration Options',
    help: 'Number of messages; all unless given.',
  },
  timeout: {
    flags: ['-t', '--timeout'],
    type: float(0),
    section: 'Migration Options',
    help: 'Stop after so many seconds without a message (1).',
  },
  ackMessages: {
    flags: ['-a', '--ack-messages'],
    type: flag,
    section: 'Migration Options',
    help: 'Move: delete each message at the source when the destination has it. Otherwise they are copied.',
  },
  tasks: {
    flags: ['-T', '--tasks'],
    type: list,
    section: 'Migration Options',
    help: 'Only tasks of these names.',
  },
  queues: {
    flags: ['-Q', '--queues'],
    type: list,
    section: 'Migration Options',
    help: 'These queues, by default all of the app; old:new gives a queue another name.',
  },
  forever: {
    flags: ['-F', '--forever'],
    type: flag,
    section: 'Migration Options',
    help: 'Go on with what comes in, until the command is interrupted.',
  },
} as const satisfies Options;
