import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, path, text } from '../parsing/value-type.ts';

const NAMING = 'Nodes';
const STARTING = 'Starting';
const OUTPUT = 'Output';

export const MULTI_OPTIONS = {
  hostname: {
    flags: ['-n', '--hostname'],
    type: text,
    section: NAMING,
    help: 'Host part of all nodes; default: the name of this host, %h.',
  },
  prefix: {
    flags: ['--prefix'],
    type: text,
    section: NAMING,
    help: 'Before the name of every node that is named without "@".',
  },
  suffix: {
    flags: ['--suffix'],
    type: text,
    section: NAMING,
    help: 'Host part instead of --hostname; two quotation marks are none.',
  },
  rangePrefix: {
    flags: ['--range-prefix'],
    type: text,
    section: NAMING,
    help: 'Before the number of every node when their number is given; default: celery.',
  },
  pidfile: {
    flags: ['--pidfile'],
    type: path,
    section: STARTING,
    help: 'Where a node keeps its process id; default: /var/run/celery/%n.pid.',
  },
  logfile: {
    flags: ['-f', '--logfile'],
    type: path,
    section: STARTING,
    help: 'Where a node logs to; default: /var/log/celery/%n%I.log.',
  },
  executable: {
    flags: ['--executable'],
    type: path,
    section: STARTING,
    help: 'Program to run instead of this Node.',
  },
  cmd: {
    flags: ['--cmd'],
    type: text,
    section: STARTING,
    help: 'What follows the executable instead of this script and "worker --detach"; with the word tscelery or celery, after which the global options go.',
  },
  append: {
    flags: ['--append'],
    type: text,
    section: STARTING,
    help: 'Words for the end of every command line.',
  },
  nosplash: {
    flags: ['--nosplash'],
    type: flag,
    section: OUTPUT,
    help: 'No line with the version.',
  },
  quiet: {
    flags: ['-q', '--quiet'],
    type: flag,
    section: OUTPUT,
    help: 'Nothing but what nodes that fail have to say.',
  },
  verbose: {
    flags: ['--verbose'],
    type: flag,
    section: OUTPUT,
    help: 'The command line of every node that is started, too.',
  },
  noColor: {
    flags: ['--no-color'],
    type: flag,
    section: OUTPUT,
    help: 'No colours.',
  },
} as const satisfies Options;

export const MULTI: Declaration<typeof MULTI_OPTIONS> = {
  name: 'multi',
  summary:
    'Start, stop and restart many workers in the background; "tscelery multi help" has examples. Every option of a worker may follow, also for some nodes only: -c:1-3 10, -Q:w1,w2 feeds, --time-limit:4=300.',
  arguments: [
    {
      name: 'COMMAND',
      help: 'start, stop, stopwait, restart, kill, show, names, get, expand or help.',
    },
    {
      name: 'NODES',
      help: 'How many, or their names. get takes a node before them, expand a text, and stop, stopwait and restart a signal (-9, -KILL).',
      rest: true,
    },
  ],
  options: MULTI_OPTIONS,
  readsWords: true,
};
