import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, list } from '../parsing/value-type.ts';

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

export const PURGE: Declaration<typeof PURGE_OPTIONS> = {
  name: 'purge',
  summary: 'Delete all waiting messages of the queues. There is no undo.',
  arguments: [],
  options: PURGE_OPTIONS,
};
