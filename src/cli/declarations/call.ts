import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import {
  isoDate,
  isoDateOrSeconds,
  jsonArray,
  jsonObject,
  seconds,
  text,
} from '../parsing/value-type.ts';

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
    help: 'Run not before this time; without an offset, a time of the setting timezone.',
  },
  countdown: {
    flags: ['--countdown'],
    type: seconds(),
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

export const CALL: Declaration<typeof CALL_OPTIONS> = {
  name: 'call',
  summary: 'Send a task by name and print its id.',
  arguments: [{ name: 'NAME', help: 'Name of the task; it need not be known here.' }],
  options: CALL_OPTIONS,
};
