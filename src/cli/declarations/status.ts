import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, list, seconds } from '../parsing/value-type.ts';

export const NODE_OPTIONS = {
  timeout: {
    flags: ['-t', '--timeout'],
    type: seconds(0),
    section: 'Remote Control Options',
    help: 'Seconds to wait for the next reply (1).',
  },
  destination: {
    flags: ['-d', '--destination'],
    type: list,
    section: 'Remote Control Options',
    help: 'Ask these nodes only.',
  },
  json: {
    flags: ['-j', '--json'],
    type: flag,
    section: 'Remote Control Options',
    help: 'Print the replies as JSON, when all are there.',
  },
} as const satisfies Options;

export const STATUS: Declaration<typeof NODE_OPTIONS> = {
  name: 'status',
  summary: 'Show the nodes that are there.',
  arguments: [],
  options: NODE_OPTIONS,
};
