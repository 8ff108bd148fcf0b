/** What the soak of workers that are never idle prints, and when it is content. */
import type { Found, Look, Run } from './never-idle-run.ts';

/** Share by which living memory may be larger in the last quarter of the run than in its second quarter. */
const TOLERANCE = 0.1;
/**
 * And so many megabytes: the messages that were under way differ (up to a few hundred, with two or
 * three kilobytes each), and V8 goes on compiling what has become hot. Something that stays for each
 * task has more after tens of thousands of them.
 */
const ALLOWANCE = 1;

export const HEADER = [
  '| broker | variant | pool | tasks | fewest waiting | process | heap MB in 2nd quarter | in the last | RSS MB in 2nd quarter | in the last | |',
  '| --- | --- | --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | --- |',
].join('\n');

function grows(name: string, { early, late }: Found): boolean {
  const before = early.heaps.get(name);
  const after = late.heaps.get(name);
  return (
    before === undefined || after === undefined || after > before * (1 + TOLERANCE) + ALLOWANCE
  );
}

const namesIn = ({ early, late }: Found) => [
  ...new Set([...early.heaps.keys(), ...late.heaps.keys()]),
];

export function isFlat(found: Found): boolean {
  return found.fewest > 0 && namesIn(found).every(name => !grows(name, found));
}

/** One row for the main process and one for each child. */
export function rowsOf({ broker, variant, pool }: Run, found: Found): string[] {
  const { early, late, tasks, fewest } = found;
  return namesIn(found).map((name, i) => {
    const cell = (look: Look, what: 'heaps' | 'rss') => {
      const value = look[what].get(name) ?? Number.NaN;
      return Number.isNaN(value) ? '' : value.toFixed(1);
    };
    const verdict = grows(name, found) ? '**GROWS**' : 'flat';
    const cells = [
      ...(i === 0 ? [broker, variant, pool, String(tasks), String(fewest)] : ['', '', '', '', '']),
      name.split('-')[0],
      ...[cell(early, 'heaps'), cell(late, 'heaps'), cell(early, 'rss'), cell(late, 'rss')],
      fewest > 0 ? verdict : `${verdict}, **ran empty**`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
}
