/** What a worker does from its start to its end, from the bottom up. */
import { INTERNALS } from '../../app/app-internals.ts';
import { checkBackend } from './check-backend.ts';
import { setUpDelays } from './delayed-delivery.ts';
import { createEvents } from './events.ts';
import { createMingle } from './mingle.ts';
import { createInbox } from './remote-control.ts';
import { NOTHING, type StepRow } from './step.ts';

export const STEPS: readonly StepRow[] = [
  {
    name: 'result backend',
    requires: [],
    create: ({ app, logger }) => ({
      start: async () => checkBackend(await app[INTERNALS].backend(), logger),
      stop: NOTHING,
    }),
  },
  { name: 'state file', requires: [], create: ({ stateFile }) => stateFile },
  {
    name: 'connection',
    requires: [],
    create: ({ link, transport }) => ({
      start: () => link.connect(),
      async stop() {
        await link.stop();
        await transport.close();
      },
    }),
  },
  {
    name: 'pool',
    requires: [],
    create: ({ pool }) => ({ start: () => pool.start(), stop: () => pool.stop() }),
  },
  {
    name: 'dead letters',
    requires: ['connection'],
    create: ({ deadLetters }) => deadLetters && { start: NOTHING, stop: () => deadLetters.stop() },
  },
  {
    name: 'delayed delivery',
    requires: ['connection'],
    create: parts => ({ start: () => setUpDelays(parts), stop: NOTHING }),
  },
  { name: 'events', requires: ['connection'], create: createEvents },
  { name: 'mingle', requires: ['connection', 'state file'], create: createMingle },
  {
    name: 'remote control',
    requires: ['connection', 'pool', 'state file', 'mingle'],
    create: createInbox,
  },
  {
    name: 'tasks',
    requires: [
      'result backend',
      'connection',
      'pool',
      'dead letters',
      'events',
      'remote control',
      'state file',
    ],
    create: parts => ({ start: NOTHING, stop: () => parts.stopping.endTasks(parts) }),
  },
  {
    name: 'consumer',
    requires: ['connection', 'delayed delivery', 'tasks'],
    create: ({ link, admission }) => ({
      start: () => link.insist(() => link.start()),
      async stop() {
        await link.cancel();
        admission.cancelScheduled();
      },
    }),
  },
];
