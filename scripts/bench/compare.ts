/** From single runs to what is shown: medians, and ratios pair by pair. */
import type { Run } from './report.ts';
import { type Spread, spread } from './statistics.ts';

/** Runs of one system in one suite; disturbed ones only if there are no others. */
export function runsOf(runs: readonly Run[], suite: string, system: string): Run[] {
  const all = runs.filter(run => run.suite === suite && run.system === system);
  const quiet = all.filter(run => !run.noisy);
  return quiet.length > 0 ? quiet : all;
}

/** Undefined when the metric was not measured. */
export function summary(
  runs: readonly Run[],
  suite: string,
  system: string,
  metric: string,
): Spread | undefined {
  const values = runsOf(runs, suite, system).flatMap(run => run.metrics[metric] ?? []);
  return values.length > 0 ? spread(values) : undefined;
}

/** How many times as much `system` reached as `other`, of runs in the same round. */
export function ratio(
  runs: readonly Run[],
  suite: string,
  system: string,
  other: string,
  metric: string,
  otherMetric = metric,
): Spread | undefined {
  return compare(runs, suite, [system, metric], [other, otherMetric], (mine, theirs) => {
    return mine / theirs;
  });
}

type Cell = readonly [system: string, metric: string];

/** Two systems' metrics, pair by pair of the same round; disturbed pairs only without others. */
export function compare(
  runs: readonly Run[],
  suite: string,
  [system, metric]: Cell,
  [other, otherMetric]: Cell,
  by: (mine: number, theirs: number) => number,
): Spread | undefined {
  const others = runs.filter(run => run.suite === suite && run.system === other);
  const pairs = runs
    .filter(run => run.suite === suite && run.system === system)
    .flatMap(run => {
      const rival = others.find(({ round }) => round === run.round);
      const [mine, theirs] = [run.metrics[metric], rival?.metrics[otherMetric]];
      if (rival === undefined || mine === undefined || theirs === undefined) return [];
      return { value: by(mine, theirs), noisy: run.noisy || rival.noisy };
    });
  const quiet = pairs.filter(pair => !pair.noisy);
  const counted = quiet.length > 0 ? quiet : pairs;
  return counted.length > 0 ? spread(counted.map(({ value }) => value)) : undefined;
}
