import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, integer, list, seconds } from '../parsing/value-type.ts';

export const MIGRATE_OPTIONS = {
  limit: {
    flags: ['-n', '--limit'],
    type: integer(1),
    section: 'Migration Options',
    help: 'Number of messages; all unless given.',
  },
  timeout: {
    flags: ['-t', '--timeout'],
    type: seconds(0),
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

export const MIGRATE: Declaration<typeof MIGRATE_OPTIONS> = {
  name: 'migrate',
  summary: 'Copy or move tasks from one broker to another.',
  arguments: [
    { name: 'SOURCE', help: 'URL of the broker that has the messages.' },
    { name: 'DESTINATION', help: 'URL of the broker that is to get them.' },
  ],
  options: MIGRATE_OPTIONS,
};
