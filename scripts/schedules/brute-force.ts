/**
 * Compares crontabs with what a clock shows minute by minute, around every change of every zone from
 * 2024 to 2030.
 *
 *     node --import tsx scripts/schedules/brute-force.ts [--each 6] [--seed 1] [--zones Europe/]
 */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { crontab } from '../../src/schedules/crontab.ts';
import { type RandomCrontab, RandomCrontabs } from './random-crontab.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const START = Date.UTC(2024, 0, 1) / 1000;
const END = Date.UTC(2031, 0, 1) / 1000;
const AROUND = 2 * DAY;

/** What the clock of a zone shows; as if it were UTC. Asks Intl at each hour, and at each minute of one with a change. */
class Clock {
  readonly changes: number[] = [];
  readonly #offsets: { readonly from: number; readonly offset: number }[] = [];
  readonly #format: Intl.DateTimeFormat;

  constructor(zone: string) {
    const field = 'numeric';
    this.#format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone: zone, hourCycle: 'h23', year: field, month: field, day: field },
      ...{ hour: field, minute: field, second: field },
    });
    let offset = this.#offsetAt(START);
    this.#offsets.push({ from: Number.NEGATIVE_INFINITY, offset });
    for (let hour = START; hour < END; hour += 6 * HOUR) {
      if (this.#offsetAt(hour + 6 * HOUR) === offset) continue;
      let change = hour + MINUTE;
      while (this.#offsetAt(change) === offset) change += MINUTE;
      offset = this.#offsetAt(change);
      this.#offsets.push({ from: change, offset });
      this.changes.push(change);
    }
  }

  shown(moment: number): number {
    return moment + this.#offsets.findLast(each => each.from <= moment)!.offset;
  }

  #offsetAt(moment: number): number {
    const [month, day, year, hour, minute, second] = this.#format
      .format(moment * 1000)
      .split(/\D+/)
      .map(Number) as [number, number, number, number, number, number];
    return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - moment;
  }
}

function matches(made: RandomCrontab, shown: number): boolean {
  const date = new Date(shown * 1000);
  return (
    made.minute.numbers.has(date.getUTCMinutes()) &&
    made.hour.numbers.has(date.getUTCHours()) &&
    made.dayOfWeek.numbers.has(date.getUTCDay()) &&
    made.dayOfMonth.numbers.has(date.getUTCDate()) &&
    made.monthOfYear.numbers.has(date.getUTCMonth() + 1)
  );
}

/** The due times from `start` to `end`, by looking at every minute. */
function dueTimes(clock: Clock, made: RandomCrontab, start: number, end: number): number[] {
  const isWildcard = made.hour.text.includes('*') || made.hour.numbers.size === 24;
  const due: number[] = [];
  let latest = clock.shown(start - DAY);
  for (let moment = start - DAY + MINUTE; moment <= end; moment += MINUTE) {
    const shown = clock.shown(moment);
    const isNew = shown > latest;
    let isDue = matches(made, shown) && (isWildcard || isNew);
    for (let skipped = latest + MINUTE; !isWildcard && skipped < shown; skipped += MINUTE) {
      isDue ||= matches(made, skipped);
    }
    if (isDue && moment > start) due.push(moment);
    latest = Math.max(latest, shown);
  }
  return due;
}

const written = (moments: readonly number[]) =>
  moments.map(moment => new Date(moment * 1000).toISOString().slice(0, 16)).join(' ') || 'never';

/** What is wrong with a crontab in a zone between two moments, if anything. */
function difference(
  zone: string,
  clock: Clock,
  random: RandomCrontabs,
  change: number,
): string | undefined {
  const made = random.crontab();
  const given = {
    minute: made.minute.text,
    hour: made.hour.text,
    dayOfWeek: made.dayOfWeek.text,
    // most would not be due on these few days
    dayOfMonth: random.below(4) === 0 ? made.dayOfMonth.text : '*',
    monthOfYear: '*',
    timezone: zone,
  };
  const all = { numbers: new Set(Array.from({ length: 32 }, (_, i) => i)), text: '*' };
  const looked = {
    ...made,
    dayOfMonth: given.dayOfMonth === '*' ? all : made.dayOfMonth,
    monthOfYear: all,
  };
  const [start, end] = [change - AROUND + random.below(DAY / MINUTE) * MINUTE, change + AROUND];
  const expected = dueTimes(clock, looked, start, end);
  if (expected.length === 0 && given.dayOfMonth !== '*') return undefined;
  const schedule = crontab(given);
  const found: number[] = [];
  for (let next = schedule.nextRun(new Date(start * 1000)); next !== null; ) {
    if (next.getTime() / 1000 > end) break;
    found.push(next.getTime() / 1000);
    next = schedule.nextRun(next);
  }
  const place = `${schedule} in ${zone} from ${written([start])}`;
  const odd = [...expected, ...found].find(
    each => expected.includes(each) !== found.includes(each),
  );
  if (odd !== undefined) {
    return `${place}: ${written([odd])} is ${found.includes(odd) ? 'not due' : 'due'}`;
  }
  const until = start + random.below((end - start) / MINUTE) * MINUTE + 17;
  const last = schedule.lastRun(new Date(start * 1000), new Date(until * 1000));
  const wanted = expected.filter(each => each <= until).slice(-1);
  const told = last === null ? [] : [last.getTime() / 1000];
  return written(told) === written(wanted)
    ? undefined
    : `${place}: the last until ${written([until])} is ${written(wanted)}, not ${written(told)}`;
}

/** What is wrong in one zone: so many random crontabs around each of its changes. */
export function differencesIn(zone: string, random: RandomCrontabs, each: number): string[] {
  const clock = new Clock(zone);
  const moments = clock.changes.length > 0 ? clock.changes : [START + 400 * DAY];
  return moments.flatMap(moment =>
    Array.from({ length: each }, () => difference(zone, clock, random, moment)).filter(
      found => found !== undefined,
    ),
  );
}

function main(): void {
  const { values } = parseArgs({
    options: {
      each: { type: 'string', default: '6' },
      seed: { type: 'string', default: '1' },
      zones: { type: 'string', default: '' },
    },
  });
  const random = new RandomCrontabs(Number(values.seed));
  const zones = Intl.supportedValuesOf('timeZone').filter(zone => zone.includes(values.zones));
  const differences = zones.flatMap(zone => differencesIn(zone, random, Number(values.each)));
  for (const each of differences.slice(0, 30)) console.log(each);
  console.log(`${zones.length} zones, ${differences.length} differences`);
  process.exitCode = differences.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
