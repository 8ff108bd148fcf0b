import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, seconds, text } from '../parsing/value-type.ts';

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
    type: seconds(0),
    section: 'Options',
    help: 'Seconds to wait; for ever unless given.',
  },
} as const satisfies Options;

export const RESULT: Declaration<typeof RESULT_OPTIONS> = {
  name: 'result',
  summary: 'Wait for the result of a task and print it.',
  arguments: [{ name: 'TASK_ID', help: 'What `call` printed.' }],
  options: RESULT_OPTIONS,
};
