import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, float, text } from '../parsing/value-type.ts';

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
} as const satisfies Options;

export const EVENTS: Declaration<typeof EVENTS_OPTIONS> = {
  name: 'events',
  isService: true,
  summary: 'Show what workers tell in events.',
  arguments: [],
  options: EVENTS_OPTIONS,
};
