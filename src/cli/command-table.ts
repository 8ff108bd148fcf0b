/** Every sub-command with its options. */
import type { Command } from './command.ts';
import {
  CALL_OPTIONS,
  DLQ_OPTIONS,
  MIGRATE_OPTIONS,
  PURGE_OPTIONS,
  RESULT_OPTIONS,
  SHELL_OPTIONS,
  WORKER_OPTIONS,
} from './command-options.ts';

const amqp: Command = {
  name: 'amqp',
  summary:
    'Look at queues and messages of the broker by hand: one command, or `repl` for a prompt.',
  arguments: [
    {
      name: 'COMMAND',
      help: 'repl, exchange.declare, exchange.delete, queue.declare, queue.bind, queue.delete, queue.purge, basic.publish, basic.get or basic.ack, and its arguments.',
      rest: true,
    },
  ],
  options: {},
  load: () => import('./commands/amqp.ts'),
};

const call: Command<typeof CALL_OPTIONS> = {
  name: 'call',
  summary: 'Send a task by name and print its id.',
  arguments: [{ name: 'NAME', help: 'Name of the task; it need not be known here.' }],
  options: CALL_OPTIONS,
  load: () => import('./commands/call.ts'),
};

const dlq: Command<typeof DLQ_OPTIONS> = {
  name: 'dlq',
  summary: 'Show, send again or delete what workers gave up: `dlq ls|show|replay|purge`.',
  arguments: [
    {
      name: 'ls|show|replay|purge',
      help: 'ls: one line for each message; show: everything about them; replay: send them again as they were; purge: delete them.',
      rest: true,
    },
  ],
  options: DLQ_OPTIONS,
  load: () => import('./commands/dlq.ts'),
};

const list: Command = {
  name: 'list',
  summary: 'Show what the broker knows: `list bindings`.',
  arguments: [{ name: 'bindings', help: 'Queues, their exchanges and routing keys.', rest: true }],
  options: {},
  load: () => import('./commands/list.ts'),
};

const migrate: Command<typeof MIGRATE_OPTIONS> = {
  name: 'migrate',
  summary: 'Copy or move tasks from one broker to another.',
  arguments: [
    { name: 'SOURCE', help: 'URL of the broker that has the messages.' },
    { name: 'DESTINATION', help: 'URL of the broker that is to get them.' },
  ],
  options: MIGRATE_OPTIONS,
  load: () => import('./commands/migrate.ts'),
};

const purge: Command<typeof PURGE_OPTIONS> = {
  name: 'purge',
  summary: 'Delete all waiting messages of the queues. There is no undo.',
  arguments: [],
  options: PURGE_OPTIONS,
  load: () => import('./commands/purge.ts'),
};

const report: Command = {
  name: 'report',
  summary: 'Print what a bug report needs: versions and settings, without secrets.',
  arguments: [],
  options: {},
  load: () => import('./commands/report.ts'),
};

const result: Command<typeof RESULT_OPTIONS> = {
  name: 'result',
  summary: 'Wait for the result of a task and print it.',
  arguments: [{ name: 'TASK_ID', help: 'What `call` printed.' }],
  options: RESULT_OPTIONS,
  load: () => import('./commands/result.ts'),
};

const shell: Command<typeof SHELL_OPTIONS> = {
  name: 'shell',
  summary: 'Open a prompt with the app and its tasks.',
  arguments: [],
  options: SHELL_OPTIONS,
  load: () => import('./commands/shell.ts'),
};

const worker: Command<typeof WORKER_OPTIONS> = {
  name: 'worker',
  summary: 'Start a worker.',
  arguments: [
    { name: 'SETTING=VALUE', help: 'Settings, for example worker.concurrency=3.', rest: true },
  ],
  options: WORKER_OPTIONS,
  load: () => import('./commands/worker.ts'),
};

export const COMMANDS: readonly Command[] = [
  amqp,
  call,
  dlq,
  list,
  migrate,
  purge,
  report,
  result,
  shell,
  worker,
];
