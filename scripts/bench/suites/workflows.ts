/** How many workflows a second, one after the other, from the call to the result in hand. */
import { takeSnapshot } from '../measure.ts';
import type { Suite } from './suite.ts';

const COLUMNS = {
  chord: 'chords of 1 000, /s',
  chain: 'chains of 100, /s',
  group: 'groups of 10 000, /s',
};

/** Seconds. */
type Times = Readonly<Record<keyof typeof COLUMNS, number>>;

export const WORKFLOWS: Suite = {
  name: 'workflows',
  title:
    'Workflows: by the shortest of three after five seconds of the same, from the call to the result',
  columns: Object.entries(COLUMNS).map(([metric, label]) => ({
    ...{ metric, label, digits: 2, isRate: true, ratioTo: metric },
  })),
  takesPart: system => system.workflows !== undefined,
  async run(lab, system) {
    const worker = await lab.start(system.workflows!.worker(lab));
    try {
      const from = takeSnapshot();
      const times = await lab.ask<Times>(system.workflows!.producer(lab));
      const metrics = Object.fromEntries(
        Object.entries(times).map(([name, seconds]) => [name, 1 / seconds]),
      );
      return { metrics, others: lab.shareOfOthers(from, takeSnapshot()) };
    } finally {
      await lab.stop(worker);
    }
  },
};
