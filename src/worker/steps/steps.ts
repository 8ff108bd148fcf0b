/** What a worker does from its start to its end, from the bottom up. */
import { INTERNALS } from '../../app/app-internals.ts';
import { checkBackend } from './check-backend.ts';
import { setUpDelays } from './delayed-delivery.ts';
import { createEvents } from './events.ts';
import { createGossip } from './gossip.ts';
import { createHealth, createHealthFile } from './health/health.ts';
import { createMainWatch } from './main-watch.ts';
import { createMingle } from './mingle.ts';
import { createInbox } from './remote-control.ts';
import { NOTHING, type StepRow } from './step.ts';

/** Seconds for a broker to say that nothing more comes; what comes nevertheless is not started. */
const CANCEL_SECONDS = 2;
/** The same when running tasks wait to be killed. */
const COLD_CANCEL_SECONDS = 0.5;
/** Seconds for giving back what is held, which may be much; what a broker does not hear comes back by itself. */
const RESTORE_SECONDS = 10;
const GOODBYE_SECONDS = 5;

export const STEPS: readonly StepRow[] = [
  { name: 'main watch', requires: [], create: createMainWatch },
  { name: 'health', requires: [], create: createHealth },
  { name: 'health file', requires: [], create: createHealthFile },
  {
    name: 'result backend',
    requires: ['health'],
    create: ({ app, logger }) => ({
      start: async () => checkBackend(await app[INTERNALS].backend(), logger),
      stop: NOTHING,
    }),
  },
  { name: 'state file', requires: ['health'], create: ({ stateFile }) => stateFile },
  {
    name: 'connection',
    requires: ['health'],
    create: ({ link, transport, stopping }) => ({
      start: () => link.connect(),
      async stop() {
        const { farewell } = stopping;
        try {
          await farewell.say('what it gets back', link.stop(), RESTORE_SECONDS);
        } finally {
          await farewell.say('that the worker ends', transport.close(), GOODBYE_SECONDS);
        }
      },
    }),
  },
  {
    name: 'pool',
    requires: ['health'],
    create: ({ pool }) => ({ start: () => pool.start(), stop: () => pool.stop() }),
  },
  { name: 'autoscaler', requires: ['pool'], create: ({ autoscaler }) => autoscaler },
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
  { name: 'gossip', requires: ['connection', 'events', 'mingle'], create: createGossip },
  {
    name: 'remote control',
    requires: ['connection', 'pool', 'state file', 'mingle', 'gossip'],
    create: createInbox,
  },
  {
    name: 'tasks',
    requires: [
      'result backend',
      'connection',
      'pool',
      'autoscaler',
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
    create: ({ link, admission, stopping }) => ({
      start: () => link.insist(() => link.start()),
      async stop() {
        const cancelled = link.cancel().finally(() => admission.cancelScheduled());
        const seconds = stopping.how === 'cold' ? COLD_CANCEL_SECONDS : CANCEL_SECONDS;
        await stopping.farewell.say('that it is to send nothing more', cancelled, seconds);
        admission.cancelScheduled();
      },
    }),
  },
];
