import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import {
  choice,
  flag,
  isoDate,
  jsonArray,
  jsonObject,
  seconds,
  text,
} from '../parsing/value-type.ts';

const WHEN = 'When (add, edit)';
const WHAT = 'What Is Sent (add, edit)';
const HOW = 'How It Is Sent (add, edit)';

export const SCHEDULE_OPTIONS = {
  every: {
    flags: ['--every'],
    type: seconds(0),
    section: WHEN,
    help: 'Every so many seconds.',
  },
  relative: {
    flags: ['--relative'],
    type: flag,
    section: WHEN,
    help: '--every counts from full days, hours or minutes.',
  },
  crontab: {
    flags: ['--crontab'],
    type: text,
    section: WHEN,
    help: "Celery's crontab: minute, hour, day of month, month, day of week, all of which must fit.",
  },
  cron: {
    flags: ['--cron'],
    type: text,
    section: WHEN,
    help: 'An expression as cron programs read it.',
  },
  solar: {
    flags: ['--solar'],
    type: text,
    section: WHEN,
    help: 'An event of the sun and a place: EVENT,LATITUDE,LONGITUDE.',
  },
  at: {
    flags: ['--at'],
    type: isoDate,
    section: WHEN,
    help: 'Once, at this time.',
  },
  timezone: {
    flags: ['--timezone'],
    type: text,
    section: WHEN,
    help: 'Zone whose clocks --crontab and --cron mean; by default the one of the app.',
  },
  task: {
    flags: ['--task'],
    type: text,
    section: WHAT,
    help: 'edit: another task.',
  },
  args: {
    flags: ['-a', '--args'],
    type: jsonArray,
    section: WHAT,
    help: 'Positional arguments.',
  },
  kwargs: {
    flags: ['-k', '--kwargs'],
    type: jsonObject,
    section: WHAT,
    help: 'Keyword arguments.',
  },
  options: {
    flags: ['-o', '--options'],
    type: jsonObject,
    section: WHAT,
    help: 'Options of the call, as {"queue": "slow", "expires": 60}.',
  },
  catchUp: {
    flags: ['--catch-up'],
    type: choice('none', 'last', 'all'),
    section: HOW,
    help: 'Which due times are made up for that passed while no beat ran (last).',
  },
  maxAge: {
    flags: ['--max-age'],
    type: seconds(0),
    section: HOW,
    help: 'Seconds after which none is made up for.',
  },
  overlap: {
    flags: ['--overlap'],
    type: choice('allow', 'skip', 'queue-one'),
    section: HOW,
    help: 'What becomes of a due time while the run before has not ended (allow).',
  },
  jitter: {
    flags: ['--jitter'],
    type: seconds(0),
    section: HOW,
    help: 'Sent up to so many seconds late.',
  },
  description: {
    flags: ['--description'],
    type: text,
    section: HOW,
    help: 'For people.',
  },
  paused: {
    flags: ['--paused'],
    type: flag,
    section: HOW,
    help: 'Not sent until resume.',
  },
  json: {
    flags: ['-j', '--json'],
    type: flag,
    section: 'Output (ls, show, leader)',
    help: 'One JSON object a line.',
  },
} as const satisfies Options;

export const SCHEDULE: Declaration<typeof SCHEDULE_OPTIONS> = {
  name: 'schedule',
  summary:
    'Show and change the periodic tasks of beat: `schedule ls|show|add|edit|pause|resume|remove|run|leader`.',
  arguments: [
    {
      name: 'ls|show|add|edit|pause|resume|remove|run|leader',
      help:
        'ls: one line for each entry; show NAME…: everything about them; add NAME TASK; edit NAME; ' +
        'pause, resume, remove NAME…; run NAME…: send the task now; leader: which beat sends.',
      rest: true,
    },
  ],
  options: SCHEDULE_OPTIONS,
};
