/** What a worker with two children costs before it does anything: time to start, memory, idle CPU. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab.ts';
import { cpuOfTree, memoryOf, now, programOf, takeSnapshot, treeOf } from '../measure.ts';
import { median } from '../statistics.ts';
import type { FootprintSubject } from '../system.ts';
import type { Measured, RunOptions, Suite } from './suite.ts';

const STARTS = 3;
const VERSIONS = 10;
/** Seconds. */
const SETTLING = 1;
const IDLE = 5;
const QUICK_IDLE = 2;

export const FOOTPRINT: Suite = {
  name: 'footprint',
  title: 'Start-up and memory of an idle worker',
  columns: [
    { metric: 'ready', label: 'ready ms' },
    { metric: 'version', label: '--version ms' },
    { metric: 'parentRss', label: 'parent RSS MB' },
    { metric: 'childRss', label: 'RSS MB per child' },
    { metric: 'rss', label: 'RSS MB in all' },
    { metric: 'pss', label: 'PSS MB in all' },
    { metric: 'idleCpu', label: 'idle CPU %', digits: 2 },
  ],
  takesPart: system => system.footprint !== undefined,
  run: (lab, system, options) => footprint(lab, system.footprint!, options),
};

async function footprint(
  lab: Lab,
  subject: FootprintSubject,
  { quick }: RunOptions,
): Promise<Measured> {
  const from = takeSnapshot();
  const starts: number[] = [];
  for (let i = 1; i < STARTS; i++) {
    const worker = await lab.start(subject.worker(lab));
    starts.push(await worker.seconds('ready.'));
    await lab.stop(worker);
  }
  const worker = await lab.start(subject.worker(lab));
  try {
    starts.push(await worker.seconds('ready.'));
    if (subject.warmUp) await lab.run(subject.warmUp(lab));
    await sleep(SETTLING * 1000);
    const idle = await idleCpu(worker.pid, quick ? QUICK_IDLE : IDLE);
    const metrics = {
      ready: median(starts) * 1000,
      ...(await versionTime(lab, subject)),
      ...memory(worker.pid),
      idleCpu: idle * 100,
    };
    return { metrics, others: lab.shareOfOthers(from, takeSnapshot()) };
  } finally {
    await lab.stop(worker);
  }
}

async function versionTime(lab: Lab, { version }: FootprintSubject): Promise<{ version?: number }> {
  if (!version) return {};
  const times: number[] = [];
  for (let i = 0; i < VERSIONS; i++) {
    const start = now();
    await lab.run(version(lab));
    times.push(now() - start);
  }
  return { version: median(times) * 1000 };
}

/** Only processes that run the same program count as children: no shell that guards them. */
function memory(root: number) {
  const program = programOf(root);
  const pids = treeOf(takeSnapshot(), root).filter(pid => programOf(pid) === program);
  const [parent, ...children] = pids.map(memoryOf);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const all = parent ? [parent, ...children] : children;
  return {
    parentRss: parent?.rss ?? Number.NaN,
    childRss: sum(children.map(({ rss }) => rss)) / children.length,
    rss: sum(all.map(({ rss }) => rss)),
    pss: sum(all.map(({ pss }) => pss)),
  };
}

/** Share of one processor. */
async function idleCpu(root: number, seconds: number): Promise<number> {
  const from = takeSnapshot();
  await sleep(seconds * 1000);
  const to = takeSnapshot();
  return cpuOfTree(from, to, root) / (to.at - from.at);
}
