import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, float, logLevel, path, text } from '../parsing/value-type.ts';
import { daemonOptions } from './daemon.ts';

export const EVENTS_OPTIONS = {
  dump: {
    flags: ['-d', '--dump'],
    type: flag,
    section: 'Dumper',
    help: 'Print events as they come, one a line.',
  },
  json: {
    flags: ['--json'],
    type: flag,
    section: 'Dumper',
    help: 'Print events as they come, each as one JSON object a line.',
  },
  camera: {
    flags: ['-c', '--camera'],
    type: text,
    section: 'Snapshot',
    help: 'Take snapshots with the class of this name, as ./camera.js:Camera.',
  },
  frequency: {
    flags: ['-F', '--frequency', '--freq'],
    type: float(0.01),
    section: 'Snapshot',
    help: 'Seconds between two snapshots; default 1.',
  },
  maxrate: {
    flags: ['-r', '--maxrate'],
    type: text,
    section: 'Snapshot',
    help: 'Most snapshots in a time, as 10/m.',
  },
  loglevel: {
    flags: ['-l', '--loglevel'],
    type: logLevel,
    section: 'Snapshot',
    help: 'Least level that is logged: DEBUG, INFO, WARNING (the default), ERROR or CRITICAL.',
  },
  logfile: {
    flags: ['-f', '--logfile'],
    type: path,
    section: 'Snapshot',
    setting: 'events_logfile',
    help: 'Write to this file what a camera prints, instead of to the terminal; %n node, %h host.',
  },
  detach: {
    flags: ['--detach'],
    type: flag,
    section: 'Daemonization Options',
    help: 'Take snapshots in the background; returns when the first event can arrive, or says why not.',
  },
  ...daemonOptions({
    pidfile: 'events_pidfile',
    uid: 'events_uid',
    gid: 'events_gid',
    umask: 'events_umask',
    executable: 'events_executable',
  }),
} as const satisfies Options;

export const EVENTS: Declaration<typeof EVENTS_OPTIONS> = {
  name: 'events',
  isService: true,
  summary: 'Show what workers tell in events.',
  arguments: [],
  options: EVENTS_OPTIONS,
};
