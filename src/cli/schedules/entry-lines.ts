/** Entries of a schedule for people, and as JSON. */
import type { PeriodicEntry } from '../../app/schedules/schedules.ts';
import { printable, printableJson, printableLines } from '../../base/text/printable.ts';

const HEADER = ['NAME', 'TASK', 'SCHEDULE', 'RUNS', 'LAST RUN', 'NEXT RUN'];
/** A longer one would push everything else off the screen. */
const WIDEST = 40;

const time = (date: Date | null, none: string) =>
  date === null ? none : `${date.toISOString().slice(0, 19)}Z`;

const nextRun = ({ enabled, nextRunAt }: PeriodicEntry) =>
  time(nextRunAt, enabled ? 'never' : 'paused');

/** Of the schedule itself; that of the app counts for the others. */
function ownZone({ schedule }: PeriodicEntry): string {
  const data = schedule.toJSON();
  return data && 'timezone' in data ? (data.timezone ?? '') : '';
}

export function table(entries: readonly PeriodicEntry[]): string[] {
  const hasZones = entries.some(entry => ownZone(entry) !== '');
  const header = hasZones ? [...HEADER.slice(0, 3), 'TIMEZONE', ...HEADER.slice(3)] : HEADER;
  const rows = entries.map(entry => [
    printable(entry.name),
    printable(entry.task),
    printable(String(entry.schedule)),
    ...(hasZones ? [printable(ownZone(entry)) || '-'] : []),
    String(entry.totalRunCount),
    time(entry.lastRunAt, '-'),
    nextRun(entry),
  ]);
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.min(WIDEST, Math.max(...all.map(row => row[column]!.length))),
  );
  return all.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

export function details(entry: PeriodicEntry): string {
  const json = (value: unknown) => JSON.stringify(value);
  const rows: readonly (readonly [string, string])[] = [
    ['name', entry.name],
    ['task', entry.task],
    ['schedule', String(entry.schedule)],
    ['timezone', ownZone(entry)],
    ['args', json(entry.args)],
    ['kwargs', json(entry.kwargs)],
    ['options', json(entry.options)],
    ['enabled', entry.enabled ? 'yes' : 'no, paused'],
    ['catch up', entry.catchUp + (entry.maxAge === null ? '' : `, up to ${entry.maxAge} s`)],
    ['overlap', entry.overlap],
    ['jitter', `${entry.jitter} s`],
    ['from', entry.origin === 'code' ? 'the code' : 'an operator'],
    ['description', entry.description],
    ['runs', String(entry.totalRunCount)],
    ['last run', time(entry.lastRunAt, '-')],
    ['next run', nextRun(entry)],
  ];
  return rows
    .filter(([, value]) => value !== '')
    .map(([word, value]) => `${`${word}:`.padEnd(13)}${printableLines(value)}`)
    .join('\n');
}

export function entryJson(entry: PeriodicEntry): string {
  const row = {
    name: entry.name,
    task: entry.task,
    schedule: entry.schedule.toJSON() ?? null,
    schedule_text: String(entry.schedule),
    args: entry.args,
    kwargs: entry.kwargs,
    options: entry.options,
    enabled: entry.enabled,
    catch_up: entry.catchUp,
    max_age: entry.maxAge,
    overlap: entry.overlap,
    jitter: entry.jitter,
    origin: entry.origin,
    description: entry.description,
    total_run_count: entry.totalRunCount,
    last_run_at: entry.lastRunAt?.toISOString() ?? null,
    next_run_at: entry.nextRunAt?.toISOString() ?? null,
  };
  return printableJson(JSON.stringify(row));
}
