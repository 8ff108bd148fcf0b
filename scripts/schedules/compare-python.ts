/**
 * Compares crontabs with those of Python Celery: random ones, ten due times each, in five zones, and
 * the reading of fields.
 *
 *     node --import tsx scripts/schedules/compare-python.ts [--count 10000] [--seed 1]
 *     node --import tsx scripts/schedules/compare-python.ts --write 60
 *
 * The second form keeps so many of each zone for the unit tests (test/golden/schedules/crontab.json).
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { timeZone } from '../../src/base/time/time-zone.ts';
import { crontab } from '../../src/schedules/crontab.ts';
import { type CrontabFieldName, fieldNumbers } from '../../src/schedules/crontab-field.ts';
import { RandomCrontabs } from './random-crontab.ts';

const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';
const GOLDEN = fileURLToPath(new URL('../../test/golden/schedules/crontab.json', import.meta.url));
const HERE = fileURLToPath(new URL('celery_crontab.py', import.meta.url));
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata'];
const DAY = 86_400;
const FIELDS: readonly (readonly [CrontabFieldName, number, number])[] = [
  ['minute', 60, 0],
  ['hour', 24, 0],
  ['dayOfWeek', 7, 0],
  ['dayOfMonth', 31, 1],
  ['monthOfYear', 12, 1],
];
const ODD = [
  '',
  '-',
  ',',
  '/',
  '*',
  '*/',
  '*/0',
  '5/2',
  '1-',
  '-1',
  '1-2-3',
  '60',
  '7',
  '0',
  '13',
  '1,,2',
];

/** Celery's grammar; its parser looks at beginnings only and takes `1-2-3` for `1-2`, which ours refuses. */
function isPart(text: string): boolean {
  return (
    /^(\*(\/\d+)?|\w+|(\d+|[a-z]{3,})-(\d+|[a-z]{3,})(\/\d+)?)$/.test(text) && !/[a-z]\d/.test(text)
  );
}

/** Fields in the order of Celery's arguments, zone, local time to start from, the ten times or the error. */
type TimesRow = readonly [readonly string[], string, string, readonly string[] | string];
/** Size, smallest number and text of a field, its numbers or the error. */
type FieldRow = readonly [number, number, string, readonly number[] | string];

const wall = (text: string) => Date.parse(`${text}Z`) / 1000;
const written = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 16);

function askPython(count: number, seed: number): { times: TimesRow[]; fields: FieldRow[] } {
  const random = new RandomCrontabs(seed);
  const times = Array.from({ length: count }, (_, i) => {
    const made = random.crontab();
    const fields = FIELDS.map(([name]) => made[name].text);
    const start = wall('2024-01-01T00:00') + random.below(7 * 365 * 1440) * 60;
    return [fields, ZONES[i % ZONES.length]!, written(start)] as const;
  });
  const fields = Array.from({ length: count }, (_, i) => {
    const [, size, min] = FIELDS[i % FIELDS.length]!;
    const text = random.field(min, min + size - 1, 0.1).text;
    const odd = ODD[random.below(ODD.length)]!;
    return [size, min, [text, odd, `${text}${odd}`, `${odd},${text}`][random.below(4)]!] as const;
  });
  const input = JSON.stringify({ times, fields });
  const { stdout, stderr, status } = spawnSync(PYTHON, [HERE], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(stderr);
  const told = JSON.parse(stdout) as { times: TimesRow[3][]; fields: FieldRow[3][] };
  return {
    times: times.map((row, i) => [...row, told.times[i]!]),
    fields: fields.map((row, i) => [...row, told.fields[i]!]),
  };
}

/** Undefined when both agree, or when clocks change so near that they need not. */
function timesDifference([fields, zoneName, start, told]: TimesRow): string | undefined {
  const line = `${fields.join(' ')} in ${zoneName}`;
  const [minute, hour, dayOfWeek, dayOfMonth, monthOfYear] = fields as string[];
  let schedule: ReturnType<typeof crontab>;
  try {
    schedule = crontab({
      minute,
      hour,
      dayOfWeek,
      dayOfMonth,
      monthOfYear,
      timezone: zoneName,
    } as never);
  } catch (error) {
    return typeof told === 'string' ? undefined : `${line}: ${(error as Error).message}`;
  }
  if (typeof told === 'string') return `${line}: Python says ${told}`;
  const zone = timeZone(zoneName);
  const changesBy = (moment: number) => zone.nextChange(moment - DAY, moment + DAY) !== undefined;
  let last = start;
  for (const expected of told) {
    const from = zone.instantOf(wall(last));
    const due = schedule.nextRun(new Date(from * 1000))!.getTime() / 1000;
    const found = written(due + zone.offsetAt(due));
    if (found !== expected && !changesBy(from) && !changesBy(due) && !changesBy(wall(expected))) {
      return `${line} after ${last}: ${found}, Python says ${expected}`;
    }
    last = expected;
  }
  return undefined;
}

function fieldDifference([size, min, text, told]: FieldRow): string | undefined {
  const name = FIELDS.find(([, s]) => s === size)![0];
  let found: string;
  try {
    found = fieldNumbers(name, text).values.join(' ');
  } catch (error) {
    const isReadable = typeof told !== 'string' && text.split(',').every(isPart);
    return isReadable ? `${(error as Error).message}; Python says ${told}` : undefined;
  }
  return typeof told !== 'string' && told.join(' ') === found
    ? undefined
    : `${name} '${text}' from ${min}: ${found}, Python says ${told}`;
}

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    write: { type: 'string' },
  },
});
const kept = values.write === undefined ? 0 : Number(values.write) * ZONES.length;
const { times, fields } = askPython(kept || Number(values.count), Number(values.seed));
const differences = [...times.map(timesDifference), ...fields.map(fieldDifference)].filter(
  each => each !== undefined,
);
if (kept > 0 && differences.length === 0) {
  const rows = (list: readonly unknown[]) => list.map(row => JSON.stringify(row)).join(',\n');
  const plain = fields.filter(row => typeof row[3] === 'string' || row[2].split(',').every(isPart));
  writeFileSync(GOLDEN, `{"times": [\n${rows(times)}\n],\n"fields": [\n${rows(plain)}\n]}\n`);
}
for (const each of differences.slice(0, 30)) console.log(each);
console.log(
  `${times.length} crontabs and ${fields.length} fields, ${differences.length} differences`,
);
process.exitCode = differences.length === 0 ? 0 : 1;
