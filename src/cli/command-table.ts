/** Every sub-command: what it is called with, and where its code is. */

import { AMQP } from './declarations/amqp.ts';
import { BEAT } from './declarations/beat.ts';
import { CALL } from './declarations/call.ts';
import { CHORD } from './declarations/chord.ts';
import { CONTROL } from './declarations/control.ts';
import { DLQ } from './declarations/dlq.ts';
import { EVENTS } from './declarations/events.ts';
import { GRAPH } from './declarations/graph.ts';
import { INSPECT } from './declarations/inspect.ts';
import { LIST } from './declarations/list.ts';
import { MIGRATE } from './declarations/migrate.ts';
import { MULTI } from './declarations/multi.ts';
import { PURGE } from './declarations/purge.ts';
import { REPORT } from './declarations/report.ts';
import { RESULT } from './declarations/result.ts';
import { SCHEDULE } from './declarations/schedule.ts';
import { SHELL } from './declarations/shell.ts';
import { STATUS } from './declarations/status.ts';
import { TYPES } from './declarations/types.ts';
import { WORKER } from './declarations/worker.ts';
import { type Command, command } from './parsing/command.ts';
import { PROBE } from './probe-command.ts';

export const COMMANDS: readonly Command[] = [
  command(AMQP, () => import('./commands/amqp.ts')),
  command(BEAT, () => import('./commands/beat.ts')),
  command(CALL, () => import('./commands/call.ts')),
  command(CHORD, () => import('./commands/chord.ts')),
  command(CONTROL, () => import('./commands/control.ts')),
  command(DLQ, () => import('./commands/dlq.ts')),
  command(EVENTS, () => import('./commands/events.ts')),
  command(GRAPH, () => import('./commands/graph.ts')),
  PROBE,
  command(INSPECT, () => import('./commands/inspect.ts')),
  command(LIST, () => import('./commands/list.ts')),
  command(MIGRATE, () => import('./commands/migrate.ts')),
  command(MULTI, () => import('./commands/multi.ts')),
  command(PURGE, () => import('./commands/purge.ts')),
  command(REPORT, () => import('./commands/report.ts')),
  command(RESULT, () => import('./commands/result.ts')),
  command(SCHEDULE, () => import('./commands/schedule.ts')),
  command(SHELL, () => import('./commands/shell.ts')),
  command(STATUS, () => import('./commands/status.ts')),
  command(TYPES, () => import('./commands/types.ts')),
  command(WORKER, () => import('./commands/worker.ts')),
];
