import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { path } from '../parsing/value-type.ts';
import { NODE_OPTIONS } from './status.ts';

export const TYPES_OPTIONS = {
  output: {
    flags: ['-o', '--output'],
    type: path,
    section: 'Output',
    help: 'Write to this file, for example tasks.d.ts, instead of standard output.',
  },
  timeout: NODE_OPTIONS.timeout,
  destination: NODE_OPTIONS.destination,
} as const satisfies Options;

export const TYPES: Declaration<typeof TYPES_OPTIONS> = {
  name: 'types',
  summary: 'Write TypeScript declarations of the tasks that running workers know.',
  arguments: [],
  options: TYPES_OPTIONS,
};
