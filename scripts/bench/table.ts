/** Tables that read well in a terminal and are Markdown. */
import { ratio, runsOf, summary } from './compare.ts';
import type { Report, Run } from './report.ts';
import type { Spread } from './statistics.ts';
import type { Column, Suite } from './suites/suite.ts';
import { BASELINE } from './system.ts';
import { checkTargets } from './targets.ts';

export type Row = readonly string[];

/** All suites that were run, then the targets. */
export function tables({ runs }: Report, suites: readonly Suite[]): string {
  const measured = suites.filter(({ name }) => runs.some(({ suite }) => suite === name));
  const parts = measured.map(suite => `### ${suite.title}\n\n${suiteTable(suite, runs)}`);
  return [...parts, ...targetTable(runs)].join('\n\n');
}

function suiteTable({ name, columns }: Suite, runs: readonly Run[]): string {
  const systems = [...new Set(runs.filter(run => run.suite === name).map(run => run.system))];
  const shown = columns.filter(({ metric }) =>
    systems.some(system => summary(runs, name, system, metric)),
  );
  const titles = shown.flatMap(({ label, ratioTo }) => (ratioTo ? [label, '× Python'] : [label]));
  const rows = systems.map(system => [
    system,
    ...shown.flatMap(column => cells(column, runs, name, system)),
    runCount(runs, name, system),
  ]);
  return markdown(['system', ...titles, 'runs'], rows);
}

function cells(column: Column, runs: readonly Run[], suite: string, system: string): Row {
  const { metric, digits = 0, ratioTo } = column;
  const value = formatSpread(summary(runs, suite, system, metric), digits);
  if (!ratioTo) return [value];
  return [value, formatSpread(ratio(runs, suite, system, BASELINE, metric, ratioTo), 1)];
}

/** How many runs the row rests on; an exclamation mark when all of them were disturbed. */
function runCount(runs: readonly Run[], suite: string, system: string): string {
  const counted = runsOf(runs, suite, system);
  return `${counted.length}${counted.some(run => run.noisy) ? ' !' : ''}`;
}

function targetTable(runs: readonly Run[]): string[] {
  const rows = checkTargets(runs).map(({ text, spread, digits, met }) => [
    text,
    formatSpread(spread, digits),
    met ? 'yes' : 'NO',
  ]);
  if (rows.length === 0) return [];
  return [`### Targets\n\n${markdown(['target', 'measured', 'met'], rows)}`];
}

/** `median (min–max)`. */
export function formatSpread(value: Spread | undefined, digits: number): string {
  if (value === undefined || Number.isNaN(value.median)) return '';
  const text = (number: number) =>
    number.toLocaleString('en-US', {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
  const middle = text(value.median);
  if (value.min === value.max) return middle;
  return `${middle} (${text(value.min)}–${text(value.max)})`;
}

export function markdown(head: Row, rows: readonly Row[]): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map(row => row[i]?.length ?? 0)),
  );
  const line = (row: Row) => {
    const padded = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
    );
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, i) =>
    i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
