import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { differencesIn } from '../../../scripts/schedules/brute-force.ts';
import { RandomCrontabs } from '../../../scripts/schedules/random-crontab.ts';
import { timeZone } from '../../../src/base/time/time-zone.ts';
import { type CrontabOptions, crontab, type Schedule } from '../../../src/index.ts';
import { type CrontabFieldName, fieldNumbers } from '../../../src/schedules/crontab-field.ts';

const BERLIN = 'Europe/Berlin';
const DAY = 86_400;

/** The due times after a moment, as UTC without seconds. */
function dueTimes(schedule: Schedule, after: string, count: number): string[] {
  const times: string[] = [];
  let last = new Date(after);
  while (times.length < count) {
    const due = schedule.nextRun(last);
    if (due === null) return [...times, 'never'];
    times.push(due.toISOString().replace(':00.000Z', 'Z'));
    last = due;
  }
  return times;
}

describe('a field of a crontab', () => {
  const sequence = (first: number, last: number, step = 1) =>
    Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);

  for (const [name, value, numbers] of [
    ['minute', '*', sequence(0, 59)],
    ['minute', 7, [7]],
    ['minute', '*/15', [0, 15, 30, 45]],
    ['minute', '1,13,30-45,50-59/2', [1, 13, ...sequence(30, 45), 50, 52, 54, 56, 58]],
    ['minute', ' 5 , 10-12 ', [5, 10, 11, 12]],
    ['minute', '*/90', [0]],
    ['minute', [30, 0, 30], [0, 30]],
    ['hour', new Set([4, 3]), [3, 4]],
    ['hour', '22-2', [0, 1, 2, 22, 23]],
    ['hour', '22-4/3', [1, 4, 22]],
    ['hour', '*/3,8-17', [0, 3, 6, ...sequence(8, 18), 21]],
    ['hour', '5-5', [5]],
    ['dayOfWeek', '*/2', [0, 2, 4, 6]],
    ['dayOfWeek', 'fri-mon', [0, 1, 5, 6]],
    ['dayOfWeek', 'Monday,thurs', [1, 4]],
    ['dayOfMonth', '*/3', sequence(1, 31, 3)],
    ['dayOfMonth', '1-7,15-21', [...sequence(1, 7), ...sequence(15, 21)]],
    ['dayOfMonth', '2-30/2', sequence(2, 30, 2)],
    ['monthOfYear', '*/3', [1, 4, 7, 10]],
    ['monthOfYear', 'dec-feb', [1, 2, 12]],
    ['monthOfYear', 'march', [3]],
  ] as const) {
    test(`${name} ${typeof value === 'object' ? `[${[...value]}]` : value} is understood`, () => {
      assert.deepEqual(fieldNumbers(name, value).values, numbers);
    });
  }

  const UNREADABLE = { name: 'ParseException', code: 'PARSE_EXCEPTION' };
  const INVALID = { name: 'InvalidSchedule', code: 'INVALID_SCHEDULE' };
  for (const [options, error, message] of [
    [{ minute: '' }, UNREADABLE, "crontab, minute '': empty part"],
    [{ minute: '1,,2' }, UNREADABLE, "crontab, minute '1,,2': empty part"],
    [{ minute: '*/' }, UNREADABLE, "crontab, minute '*/': empty filter"],
    [{ minute: '-5' }, UNREADABLE, "crontab, minute '-5': negative numbers not supported"],
    [{ minute: '*/0' }, UNREADABLE, /'0' is no step/],
    [{ minute: '5/10' }, UNREADABLE, /a step follows \* or a range: 5-59\/10\?/],
    [{ minute: '1-2-3' }, UNREADABLE, /'1-2-3' is no range/],
    [{ minute: '*/2/3' }, UNREADABLE, /more than one step/],
    [{ minute: '0-60' }, INVALID, "crontab, minute '0-60': Invalid end range: 60 > 59."],
    [{ minute: 60 }, INVALID, /minute 60: Invalid crontab pattern. Valid range is 0-59. '60' was/],
    [{ minute: 1.5 }, INVALID, /minute 1.5: Numbers have to be whole ones/],
    [{ minute: [] }, INVALID, /never be due/],
    [{ minute: ['1', '2'] }, INVALID, /Write one string: "1,2"/],
    [{ minute: { every: 2 } }, INVALID, /a number, a string, or several numbers/],
    [{ hour: 'mon' }, INVALID, "crontab, hour 'mon': Invalid literal 'mon'. It has numbers only."],
    [{ dayOfWeek: 7 }, INVALID, /Sunday is 0/],
    [{ dayOfWeek: 'mno' }, INVALID, /Invalid weekday literal 'mno'. Did you mean "mon"\?/],
    [{ dayOfMonth: 0 }, INVALID, /Valid range is 1-31/],
    [{ dayOfMonth: '0-5' }, INVALID, /Invalid beginning range: 0 < 1./],
    [{ monthOfYear: 'sat' }, INVALID, /Invalid month literal 'sat'/],
    [{ day_of_week: 1 }, INVALID, /no field "day_of_week". Did you mean "dayOfWeek"\?/],
    [{ timezone: 'Berlin' }, INVALID, /'Berlin' is no time zone. Did you mean "Europe\/Berlin"\?/],
    [{ dayOfMonth: 31, monthOfYear: 'feb,apr' }, INVALID, /it would never be due/],
  ] as const) {
    test(`is refused by name in crontab(${JSON.stringify(options)})`, () => {
      assert.throws(() => crontab(options as CrontabOptions), { ...error, message });
    });
  }

  test('is one of five in a line', () => {
    const fields = {
      minute: '0',
      hour: '4',
      dayOfMonth: '1-7',
      monthOfYear: '*/3',
      dayOfWeek: '1',
    };

    assert.ok(crontab.fromString(' 0 4  1-7 */3 1').equals(crontab(fields)));
    for (const line of ['* * * *', '* * * * * *', '@daily', '']) {
      assert.throws(() => crontab.fromString(line), { code: 'PARSE_EXCEPTION' });
    }
  });
});

describe('a crontab', () => {
  for (const [options, after, ...times] of [
    [{}, '2026-11-30T09:00:17Z', '2026-11-30T09:01Z', '2026-11-30T09:02Z'],
    [{ minute: 0, hour: 0 }, '2026-12-31T00:00:00Z', '2027-01-01T00:00Z', '2027-01-02T00:00Z'],
    [{ minute: 0, hour: '*/3' }, '2026-12-31T21:00:00Z', '2027-01-01T00:00Z', '2027-01-01T03:00Z'],
    [
      { minute: 0, hour: 0, dayOfMonth: 13, dayOfWeek: 'fri' },
      ...['2026-03-13T00:00:00Z', '2026-11-13T00:00Z', '2027-08-13T00:00Z'],
    ],
    [
      { minute: 0, hour: 0, dayOfMonth: 29, monthOfYear: 2 },
      ...['2096-02-29T00:00:00Z', '2104-02-29T00:00Z', '2108-02-29T00:00Z'],
    ],
    [{ minute: 0, hour: 4, timezone: BERLIN }, '2026-07-01T00:00:00Z', '2026-07-01T02:00Z'],
  ] as const) {
    test(`${JSON.stringify(options)} is due next after ${after}`, () => {
      assert.deepEqual(dueTimes(crontab(options), after, times.length), times);
    });
  }

  for (const [options, why, after, ...times] of [
    [
      { minute: 30, hour: 2 },
      'that is skipped when the clocks go on',
      ...['2026-03-28T00:00:00Z', '2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      { minute: '*/20', hour: 2 },
      'all of whose minutes are skipped just once',
      ...['2026-03-29T00:00:00Z', '2026-03-29T01:00Z', '2026-03-30T00:00Z'],
    ],
    [
      { minute: 30, hour: 2 },
      'that comes twice the first time',
      ...['2026-10-24T12:00:00Z', '2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      { minute: 30 },
      'of every hour in both hours of the same name',
      ...['2026-10-25T00:00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:30Z', '2026-10-25T02:30Z'],
    ],
    [
      { minute: 30 },
      'of every hour not in the one that is skipped',
      ...['2026-03-29T00:00:00Z', '2026-03-29T00:30Z', '2026-03-29T01:30Z'],
    ],
    [
      { minute: 0, hour: '*/2' },
      'of every second hour not at the one that is skipped',
      ...['2026-03-28T22:30:00Z', '2026-03-28T23:00Z', '2026-03-29T02:00Z'],
    ],
  ] as const) {
    test(`in Berlin is due at a time ${why}`, () => {
      const schedule = crontab({ ...options, timezone: BERLIN });
      assert.deepEqual(dueTimes(schedule, after, times.length), times);
    });
  }

  test('is due at midnight although the clocks of Cairo skip it', () => {
    const daily = crontab({ minute: 0, hour: 0, timezone: 'Africa/Cairo' });

    assert.deepEqual(dueTimes(daily, '2026-04-23T00:00:00Z', 2), [
      '2026-04-23T22:00Z',
      '2026-04-24T21:00Z',
    ]);
  });

  test('has the zone of beat unless it has one of its own', () => {
    const asked = new Date('2026-07-01T00:00:00Z');
    const next = (schedule: Schedule) =>
      schedule.within({ timezone: 'Asia/Tokyo' }).nextRun(asked)?.toISOString();

    assert.equal(next(crontab({ minute: 0, hour: 4 })), '2026-07-01T19:00:00.000Z');
    assert.equal(
      next(crontab({ minute: 0, hour: 4, timezone: BERLIN })),
      '2026-07-01T02:00:00.000Z',
    );
  });

  test('answers as in Celery whether it is due', () => {
    const at = (now: string) =>
      crontab({ minute: 0 }).within({ now: () => Date.parse(now) / 1000 });
    const last = new Date('2026-11-30T09:00:00Z');

    assert.deepEqual(at('2026-11-30T09:59:30Z').isDue(last), { isDue: false, next: 30 });
    assert.deepEqual(at('2026-11-30T11:15:00Z').isDue(last), { isDue: true, next: 2700 });
    assert.equal(at('2026-11-30T11:15:00Z').remainingEstimate(last), -4500);
  });

  test('is written as Celery writes it, and as RedBeat stores it', () => {
    const given = crontab({ minute: [0, 15], hour: new Set([4, 5]), dayOfWeek: 'mon-fri' });

    assert.equal(`${given}`, '<crontab: [0, 15] {4, 5} * * mon-fri (m/h/dM/MY/d)>');
    assert.equal(`${crontab({ minute: 0 })}`, '<crontab: 0 * * * * (m/h/dM/MY/d)>');
    assert.deepEqual(given.toJSON(), {
      __type__: 'crontab',
      minute: '0,15',
      hour: '4,5',
      day_of_week: 'mon-fri',
      day_of_month: '*',
      month_of_year: '*',
    });
  });

  test('equals one with the same due times', () => {
    const given = crontab({ minute: '0,30', dayOfWeek: 'mon' });

    assert.ok(given.equals(crontab({ minute: [30, 0], dayOfWeek: 1 })));
    assert.ok(!given.equals(crontab({ minute: '0,30' })));
    assert.ok(!given.equals(crontab({ minute: '0,30', dayOfWeek: 'mon', timezone: BERLIN })));
  });

  test('does not change with the list that it was made of', () => {
    const minutes = [0];
    const given = crontab({ minute: minutes });
    minutes.push(30);

    assert.equal(String(given), '<crontab: [0] * * * * (m/h/dM/MY/d)>');
  });
});

describe('due times of crontabs', () => {
  type Times = readonly [readonly string[], string, string, readonly string[]];
  type Numbers = readonly [number, number, string, readonly number[] | string];
  const path = new URL('../../golden/schedules/crontab.json', import.meta.url);
  const golden = JSON.parse(readFileSync(path, 'utf8')) as { times: Times[]; fields: Numbers[] };
  const seconds = (local: string) => Date.parse(`${local}Z`) / 1000;

  test('are those of Python Celery, where no clock changes', () => {
    let compared = 0;
    for (const [fields, timezone, start, told] of golden.times) {
      const [minute, hour, dayOfWeek, dayOfMonth, monthOfYear] = fields as string[];
      if (typeof told === 'string') continue;
      const zone = timeZone(timezone);
      const given = { minute, hour, dayOfWeek, dayOfMonth, monthOfYear, timezone };
      const schedule = crontab(given as unknown as CrontabOptions);
      let last = start;
      for (const expected of told) {
        const from = zone.instantOf(seconds(last));
        const due = schedule.nextRun(new Date(from * 1000))!.getTime() / 1000;
        const local = new Date((due + zone.offsetAt(due)) * 1000).toISOString().slice(0, 16);
        const isPlain = [from, due, seconds(expected)].every(
          moment => zone.nextChange(moment - DAY, moment + DAY) === undefined,
        );
        if (isPlain) {
          assert.equal(local, expected, `${schedule} in ${timezone} after ${last}`);
          compared++;
        }
        last = expected;
      }
    }
    assert.ok(compared > 2000, `${compared}`);
  });

  test('come from the same numbers as in Python', () => {
    const names: Readonly<Record<number, CrontabFieldName>> = {
      60: 'minute',
      24: 'hour',
      7: 'dayOfWeek',
      31: 'dayOfMonth',
      12: 'monthOfYear',
    };
    for (const [size, , text, told] of golden.fields) {
      const name = names[size]!;
      if (typeof told === 'string') assert.throws(() => fieldNumbers(name, text), text);
      else assert.deepEqual(fieldNumbers(name, text).values, told, text);
    }
  });

  const seed = Number(process.env.TSCELERY_SEED ?? Date.now() % 1e9);

  for (const zone of [
    'Europe/Berlin',
    'Australia/Lord_Howe',
    'America/Havana',
    'Africa/Casablanca',
  ]) {
    test(`are what a clock in ${zone} shows minute by minute (seed ${seed})`, () => {
      assert.deepEqual(differencesIn(zone, new RandomCrontabs(seed), 1), []);
    });
  }

  test(`increase, and the last until a moment is found without them (seed ${seed})`, () => {
    const random = new RandomCrontabs(seed);
    const zones = ['UTC', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo'];
    for (let i = 0; i < 100; i++) {
      const made = random.crontab();
      const schedule = crontab({
        minute: made.minute.text,
        hour: made.hour.text,
        dayOfWeek: made.dayOfWeek.text,
        timezone: zones[i % zones.length]!,
      });
      const start = new Date(Date.UTC(2024, 0, 1 + random.below(2000)));
      const times = [start];
      while (times.length < 40) {
        const due = schedule.nextRun(times.at(-1)!)!;
        assert.ok(due > times.at(-1)!, `${schedule} after ${times.at(-1)!.toISOString()}`);
        times.push(due);
      }
      const chosen = random.below(38);
      const until = new Date((times[chosen]!.getTime() + times[chosen + 1]!.getTime()) / 2);
      assert.deepEqual(schedule.lastRun(start, until), chosen === 0 ? null : times[chosen]);
      assert.deepEqual(schedule.lastRun(start, times[39]!), times[39]);
    }
  });

  test('that were missed for a hundred years cost no more than a few', () => {
    const schedule = crontab({ timezone: BERLIN });
    const [after, until] = [new Date('1990-01-01T00:00:00Z'), new Date('2090-01-01T00:00:30Z')];
    let asked = 0;
    const { nextRun } = schedule;
    schedule.nextRun = moment => {
      asked++;
      return nextRun.call(schedule, moment);
    };

    assert.equal(schedule.lastRun(after, until)?.toISOString(), '2090-01-01T00:00:00.000Z');
    assert.ok(asked < 100, `${asked}`);
  });
});
