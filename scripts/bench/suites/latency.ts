/** How long one task takes to start, and its result to arrive, when the worker is idle. */
import { takeSnapshot } from '../measure.ts';
import { percentile } from '../statistics.ts';
import type { Suite } from './suite.ts';

interface Delays {
  /** Seconds from sending to the start of the task, and to the result in hand. */
  readonly starts: readonly number[];
  readonly results: readonly number[];
}

const PERCENTS = [50, 95, 99];

export const LATENCY: Suite = {
  name: 'latency',
  title: 'Latency: 500 tasks for an idle worker, 10 ms apart, milliseconds',
  columns: [
    ...PERCENTS.map(percent => ({
      metric: `start${percent}`,
      label: `start p${percent}`,
      digits: 2,
    })),
    ...PERCENTS.map(percent => ({
      metric: `result${percent}`,
      label: `result p${percent}`,
      digits: 2,
    })),
  ],
  takesPart: system => system.latency !== undefined,
  async run(lab, system) {
    const worker = await lab.start(system.latency!.worker(lab));
    try {
      const from = takeSnapshot();
      const { starts, results } = await lab.ask<Delays>(system.latency!.producer(lab));
      const metrics: Record<string, number> = {};
      for (const percent of PERCENTS) {
        metrics[`start${percent}`] = percentile(starts, percent) * 1000;
        metrics[`result${percent}`] = percentile(results, percent) * 1000;
      }
      return { metrics, others: lab.shareOfOthers(from, takeSnapshot()) };
    } finally {
      await lab.stop(worker);
    }
  },
};
