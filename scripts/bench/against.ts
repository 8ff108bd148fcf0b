/** The same measurements of another commit, in the same rounds, and what became of each figure. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ratio } from './compare.ts';
import { RESULTS_DIR, type Run } from './report.ts';
import type { Column, Suite } from './suites/suite.ts';
import type { System } from './system.ts';
import { formatSpread, markdown, type Row } from './table.ts';
import { TSCELERY_SYSTEMS, tsceleryIn } from './tscelery.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const MARK = ', before';
/** A rate may fall to this share of what it was, everything else rise to that. */
const LEAST_RATE = 0.98;
const MOST_ELSE = 1.02;

const sh = promisify(execFile);

/**
 * Checks the commit out beside the results, builds it, and gives its systems.
 *
 * @throws Error when there is no such commit or it cannot be built
 */
export async function systemsAt(commit: string): Promise<readonly System[]> {
  const { stdout } = await sh('git', ['-C', ROOT, 'rev-parse', '--short', `${commit}^{commit}`]);
  const folder = join(RESULTS_DIR, `at-${stdout.trim()}`);
  if (!existsSync(join(folder, 'dist'))) await build(commit, folder);
  return tsceleryIn(folder).map(system => ({ ...system, name: system.name + MARK }));
}

async function build(commit: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const archive = join(folder, 'source.tar');
  await sh('git', ['-C', ROOT, 'archive', '--output', archive, commit]);
  await sh('tar', ['-xf', archive, '-C', folder]);
  await sh('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder });
  await sh('npm', ['run', '--silent', 'build'], { cwd: folder });
}

/** Each system beside what it was before, so that both meet the same weather. */
export function besideBefore(
  systems: readonly System[],
  before: readonly System[],
): readonly System[] {
  return systems.flatMap(system => {
    const earlier = before.find(({ name }) => name === system.name + MARK);
    return earlier ? [system, earlier] : [system];
  });
}

/** What is worse than it may be has a NO. */
export function againstTable(runs: readonly Run[], suites: readonly Suite[]): string[] {
  const rows = suites.flatMap(suite =>
    TSCELERY_SYSTEMS.flatMap(({ name }) =>
      suite.columns.flatMap(column => againstRow(runs, suite, name, column)),
    ),
  );
  if (rows.length === 0) return [];
  const head = ['suite', 'system', 'figure', 'after / before', 'kept'];
  return [`### Against the commit before\n\n${markdown(head, rows)}`];
}

function againstRow(runs: readonly Run[], suite: Suite, system: string, column: Column): Row[] {
  const { metric, label, isRate = false } = column;
  const change = ratio(runs, suite.name, system, system + MARK, metric);
  if (change === undefined || Number.isNaN(change.median)) return [];
  const isKept = isRate ? change.median >= LEAST_RATE : change.median <= MOST_ELSE;
  return [[suite.name, system, label, formatSpread(change, 3), isKept ? 'yes' : 'NO']];
}
