import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { choice, flag, integer, logLevel, path, text } from '../parsing/value-type.ts';
import { daemonOptions } from './daemon.ts';

export const BEAT_OPTIONS = {
  schedule: {
    flags: ['-s', '--schedule'],
    type: path,
    section: 'Beat Options',
    setting: 'beat_schedule_filename',
    help: 'File that keeps when each entry ran last; default celerybeat-schedule.',
  },
  scheduler: {
    flags: ['-S', '--scheduler'],
    type: text,
    section: 'Beat Options',
    setting: 'beat_scheduler',
    help: 'Where the schedule is kept: the name of a store, or a class as ./module.ts:Class; default the file.',
  },
  maxInterval: {
    flags: ['--max-interval'],
    type: integer(1),
    section: 'Beat Options',
    setting: 'beat_max_loop_interval',
    help: 'Longest sleep between two looks at the schedule, in seconds; default 300.',
  },
  loglevel: {
    flags: ['-l', '--loglevel'],
    type: logLevel,
    section: 'Beat Options',
    help: 'Least level that is logged: DEBUG, INFO, WARNING (the default), ERROR or CRITICAL.',
  },
  logfile: {
    flags: ['-f', '--logfile'],
    type: path,
    section: 'Beat Options',
    setting: 'beat_logfile',
    help: 'Log to this file instead of stderr; %n node, %h host.',
  },
  logFormat: {
    flags: ['--log-format'],
    type: choice('text', 'json'),
    section: 'Beat Options',
    help: 'text: lines as Celery writes them (the default); json: one object a line.',
  },
  detach: {
    flags: ['--detach'],
    type: flag,
    section: 'Daemonization Options',
    help: 'Start in the background, with the pidfile celerybeat.pid unless another is given; returns when beat runs, or says why it does not.',
  },
  ...daemonOptions({
    pidfile: 'beat_pidfile',
    uid: 'beat_uid',
    gid: 'beat_gid',
    umask: 'beat_umask',
    executable: 'beat_executable',
  }),
} as const satisfies Options;

export const BEAT: Declaration<typeof BEAT_OPTIONS> = {
  name: 'beat',
  isService: true,
  heedsSignals: true,
  summary: 'Send periodic tasks when they are due.',
  arguments: [
    { name: 'SETTING=VALUE', help: 'Settings, for example beat.max_loop_interval=60.', rest: true },
  ],
  options: BEAT_OPTIONS,
};
