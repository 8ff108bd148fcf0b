import { DEATH_REASONS } from '../../wire/messages/dead-letter.ts';
import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { choice, flag, integer, list, since, text } from '../parsing/value-type.ts';

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

export const DLQ: Declaration<typeof DLQ_OPTIONS> = {
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
};
