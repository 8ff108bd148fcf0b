/** What a beat costs, and how late it sends: entries of one second each, and many entries of a minute. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab.ts';
import { cpuOfTree, memoryOf, now, takeSnapshot } from '../measure.ts';
import type { BeatSubject } from '../system.ts';
import type { Measured, RunOptions, Suite } from './suite.ts';

const FEW = 1000;
const MANY = 10_000;
const MOST = 100_000;
/** Seconds. */
const SETTLING = 3;
const MEASURED = 15;
const QUICK = 4;

interface Arrivals {
  readonly entries: number;
  readonly sent: number;
  /** Milliseconds. */
  readonly late50: number;
  readonly late99: number;
}

export const BEAT: Suite = {
  name: 'beat',
  title: 'Beat on Redis: 1 000 and 10 000 entries of a second, 100 000 of a minute',
  columns: [
    { metric: 'cpu', label: '1 000: cores', digits: 2 },
    { metric: 'rate', label: 'sent /s', digits: 0 },
    // of one that does not come to send them all, too
    { metric: 'each', label: 'CPU ms each', digits: 2, ratioTo: 'each' },
    { metric: 'late50', label: 'late p50 ms', digits: 1 },
    { metric: 'late99', label: 'late p99 ms', digits: 1 },
    { metric: 'manyCpu', label: '10 000: cores', digits: 2 },
    { metric: 'manyRate', label: 'sent /s', digits: 0, isRate: true },
    { metric: 'manyLate99', label: 'late p99 ms', digits: 1 },
    { metric: 'start', label: '100 000: start s', digits: 2 },
    { metric: 'rss', label: 'RSS MB', digits: 0 },
  ],
  takesPart: system => system.beat !== undefined,
  run: (lab, system, options) => measure(lab, system.beat!, options),
};

async function measure(lab: Lab, subject: BeatSubject, { quick }: RunOptions): Promise<Measured> {
  const from = takeSnapshot();
  const seconds = quick ? QUICK : MEASURED;
  const few = await running(lab, subject, FEW, seconds);
  const metrics: Record<string, number> = {
    ...{ cpu: few.cpu, rate: few.sent / seconds, late50: few.late50, late99: few.late99 },
    each: (few.cpu * seconds * 1000) / few.sent,
  };
  if (subject.bearsMany) {
    await lab.clear();
    const many = await running(lab, subject, MANY, seconds);
    metrics.manyCpu = many.cpu;
    metrics.manyRate = many.sent / seconds;
    metrics.manyLate99 = many.late99;
    await lab.clear();
    Object.assign(metrics, await started(lab, subject));
  }
  return { metrics, others: lab.shareOfOthers(from, takeSnapshot()) };
}

async function running(lab: Lab, subject: BeatSubject, entries: number, seconds: number) {
  const beat = await lab.start(subject.beat(lab, { entries, every: 1 }));
  try {
    await beat.seconds('beat: Starting...');
    await sleep(SETTLING * 1000);
    const from = takeSnapshot();
    const arrivals = await lab.ask<Arrivals>(subject.arrivals(lab, seconds));
    const to = takeSnapshot();
    return { ...arrivals, cpu: cpuOfTree(from, to, beat.pid) / (to.at - from.at) };
  } finally {
    await lab.stop(beat);
  }
}

/** Until it has read all entries, and what it keeps of them when it has been quiet for a while. */
async function started(lab: Lab, subject: BeatSubject) {
  const begin = now();
  const beat = await lab.start(subject.beat(lab, { entries: MOST, every: 60 }));
  try {
    await beat.seconds('beat: Starting...');
    const start = now() - begin;
    await sleep(2 * SETTLING * 1000);
    return { start, rss: memoryOf(beat.pid).rss };
  } finally {
    await lab.stop(beat);
  }
}
