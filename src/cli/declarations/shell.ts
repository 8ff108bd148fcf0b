import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, text } from '../parsing/value-type.ts';

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

export const SHELL: Declaration<typeof SHELL_OPTIONS> = {
  name: 'shell',
  summary: 'Open a prompt with the app and its tasks.',
  arguments: [],
  options: SHELL_OPTIONS,
};
