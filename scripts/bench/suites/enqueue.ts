/** How fast one program sends tasks; nobody takes them. */
import { takeSnapshot } from '../measure.ts';
import type { Metrics, Suite } from './suite.ts';

export const ENQUEUE: Suite = {
  name: 'enqueue',
  title: 'Enqueue: tasks per second sent by one program',
  columns: [
    { metric: 'oneByOne', label: 'each awaited, /s', isRate: true, ratioTo: 'oneByOne' },
    { metric: 'concurrent', label: '1000 in flight, /s', isRate: true, ratioTo: 'oneByOne' },
    { metric: 'bulk', label: 'lists of 1000, /s', isRate: true },
  ],
  takesPart: system => system.enqueue !== undefined,
  async run(lab, system) {
    const from = takeSnapshot();
    const metrics = await lab.ask<Metrics>(system.enqueue!.producer(lab));
    return { metrics, others: lab.shareOfOthers(from, takeSnapshot()) };
  },
};
