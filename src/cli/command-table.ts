/** Every sub-command with its options. */
import type { Command } from './command.ts';
import {
  CALL_OPTIONS,
  PURGE_OPTIONS,
  RESULT_OPTIONS,
  SHELL_OPTIONS,
  WORKER_OPTIONS,
} from './command-options.ts';

const call: Command<typeof CALL_OPTIONS> = {
  name: 'call',
  summary: 'Send a task by name and print its id.',
  arguments: [{ name: 'NAME', help: 'Name of the task; it need not be known here.' }],
  options: CALL_OPTIONS,
  load: () => import('./commands/call.ts'),
};

const list: Command = {
  name: 'list',
  summary: 'Show what the broker knows: `list bindings`.',
  arguments: [{ name: 'bindings', help: 'Queues, their exchanges and routing keys.', rest: true }],
  options: {},
  load: () => import('./commands/list.ts'),
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

export const COMMANDS: readonly Command[] = [call, list, purge, report, result, shell, worker];
