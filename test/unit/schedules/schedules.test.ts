import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  BaseSchedule,
  clocked,
  cron,
  crontab,
  type DueState,
  type Schedule,
  type SolarEvent,
  schedule,
  solar,
} from '../../../src/index.ts';
import { scheduleFromData } from '../../../src/schedules/from-data.ts';
import { toSchedule } from '../../../src/schedules/from-value.ts';

const DAY = 86_400;
const INVALID = { name: 'InvalidSchedule', code: 'INVALID_SCHEDULE' };

const next = (given: Schedule, after: string) => given.nextRun(new Date(after))?.toISOString();
const last = (given: Schedule, after: string, until: string) =>
  given.lastRun(new Date(after), new Date(until))?.toISOString();
const at = (moment: string) => ({ now: () => Date.parse(moment) / 1000 });

describe('an interval', () => {
  test('is due so long after the last run, or at once when that is over', () => {
    const given = schedule(30).within(at('2026-11-30T09:00:40Z'));

    assert.deepEqual(given.isDue(new Date('2026-11-30T09:00:20Z')), { isDue: false, next: 10 });
    assert.deepEqual(given.isDue(new Date('2026-11-30T08:00:00Z')), { isDue: true, next: 30 });
    assert.equal(given.remainingEstimate(new Date('2026-11-30T09:00:00Z')), -10);
  });

  test('of days keeps the time of day when clocks change, and one of hours does not', () => {
    const inBerlin = (seconds: number) =>
      next(schedule(seconds).within({ timezone: 'Europe/Berlin' }), '2026-03-28T07:00:00Z');

    assert.equal(inBerlin(DAY), '2026-03-29T06:00:00.000Z');
    assert.equal(inBerlin(DAY - 3600), '2026-03-29T06:00:00.000Z');
    assert.equal(inBerlin(DAY + 3600), '2026-03-29T08:00:00.000Z');
  });

  for (const [every, after, due] of [
    [2 * DAY, '2026-07-01T10:11:12.345Z', '2026-07-02T22:00:00.000Z'],
    [7200, '2026-07-01T10:11:12.345Z', '2026-07-01T12:00:00.000Z'],
    [90, '2026-07-01T10:11:12.345Z', '2026-07-01T10:12:00.000Z'],
    [10, '2026-07-01T10:11:12.345Z', '2026-07-01T10:11:22.000Z'],
  ] as const) {
    test(`of ${every} seconds that is relative is due at a full unit of the clock`, () => {
      const given = schedule(every, { relative: true }).within({ timezone: 'Europe/Berlin' });
      assert.equal(next(given, after), due);
    });
  }

  for (const timezone of ['UTC', 'America/New_York', 'Australia/Lord_Howe']) {
    for (const relative of [true, false]) {
      test(`${relative ? 'that is relative ' : ''}in ${timezone} finds the last due time as if it went through all`, () => {
        for (const every of [5400, 18_000, DAY, 2 * DAY, 100_000]) {
          const given = schedule(every, { relative }).within({ timezone });
          const start = new Date('2026-01-01T00:17:31.123Z');
          let due = given.nextRun(start)!;
          for (const end = Date.parse('2026-12-31T00:00:00Z'); due.getTime() < end; ) {
            const following = given.nextRun(due)!;
            assert.ok(following > due, `${every}`);
            const middle = new Date((due.getTime() + following.getTime()) / 2);
            if (due.getUTCDate() % 5 === 0) assert.deepEqual(given.lastRun(start, middle), due);
            due = following;
          }
        }
      });
    }
  }

  test('has no last due time before its first', () => {
    assert.equal(last(schedule(60), '2026-01-01T00:00:00Z', '2026-01-01T00:00:59Z'), undefined);
    assert.equal(
      last(schedule(60), '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'),
      '2026-01-01T00:01:00.000Z',
    );
  });

  for (const [every, text] of [
    [30, '<freq: 30.00 seconds>'],
    [1, '<freq: 1.00 second>'],
    [60, '<freq: 1.00 minute>'],
    [5400, '<freq: 1.50 hours>'],
    [DAY, '<freq: 1.00 day>'],
    [0.5, '<freq: now>'],
  ] as const) {
    test(`of ${every} seconds is written ${text}`, () => {
      assert.equal(String(schedule(every)), text);
    });
  }

  for (const every of [0, -1, Number.NaN, 1e12, '30', undefined]) {
    test(`of ${every} is refused`, () => {
      assert.throws(() => schedule(every as number), { ...INVALID, message: /^An interval is/ });
    });
  }
});

describe('cron', () => {
  test('takes days of either kind, where crontab wants both', () => {
    const line = '0 0 13 * 5';

    assert.equal(next(cron(line), '2026-11-01T00:00:00Z'), '2026-11-06T00:00:00.000Z');
    assert.equal(
      next(crontab.fromString(line), '2026-11-01T00:00:00Z'),
      '2026-11-13T00:00:00.000Z',
    );
  });

  test('knows seconds, names, last days and zones', () => {
    assert.equal(next(cron('*/10 * * * * *'), '2026-11-01T00:00:05Z'), '2026-11-01T00:00:10.000Z');
    assert.equal(next(cron('0 0 L * *'), '2026-02-01T00:00:00Z'), '2026-02-28T00:00:00.000Z');
    const daily = cron('@daily', { timezone: 'Europe/Berlin' }).within({ timezone: 'UTC' });
    assert.equal(next(daily, '2026-07-01T00:00:00Z'), '2026-07-01T22:00:00.000Z');
    assert.equal(String(daily), '<cron: @daily>');
  });

  test('finds the last due time, on the days on which clocks change, too', () => {
    for (const line of ['30 2 * * *', '*/30 * * * *', '15 */2 * * *']) {
      const given = cron(line, { timezone: 'Europe/Berlin' });
      for (const day of ['2026-03-28T20:00:00Z', '2026-10-24T20:00:00Z']) {
        const start = new Date(day);
        for (let due = given.nextRun(start)!; due.getTime() < start.getTime() + DAY * 1000; ) {
          const following = given.nextRun(due)!;
          const middle = new Date((due.getTime() + following.getTime()) / 2);
          assert.deepEqual(given.lastRun(start, middle), due, line);
          due = following;
        }
      }
    }
  });

  for (const [line, message] of [
    ['* * * *', /five fields, six with seconds/],
    ['', /five fields/],
    ['60 * * * *', /cron '60 \* \* \* \*': .*0-59/],
    ['H * * * *', /H is another time whenever it is read/],
    ['0 0 31 2 *', /day of month/],
  ] as const) {
    test(`refuses '${line}'`, () => {
      assert.throws(() => cron(line), { ...INVALID, message });
    });
  }
});

describe('an event of the sun', () => {
  type Row = readonly [SolarEvent, number, number, string, string];
  const path = new URL('../../golden/schedules/solar.json', import.meta.url);
  const golden = JSON.parse(readFileSync(path, 'utf8')) as Row[];

  test('is within ten seconds of that of Python, and a minute where the sun hardly sets', () => {
    for (const [event, latitude, longitude, start, told] of golden) {
      const given = solar(event, latitude, longitude);
      const due = given.nextRun(new Date(start))!;
      const seconds = Math.abs(due.getTime() - Date.parse(told)) / 1000;
      const allowed = Math.abs(latitude) < 50 ? 10 : 60;
      assert.ok(seconds < allowed, `${given} after ${start}: ${due.toISOString()}, not ${told}`);
    }
  });

  test('is the same moment whenever it is asked for, and comes after the one before', () => {
    for (const given of [solar('sunset', 52.5, 13.4), solar('dawn_civil', 69.7, 19)]) {
      let due = given.nextRun(new Date('2026-01-01T00:00:00Z'))!;
      for (let i = 0; i < 200; i++) {
        const following = given.nextRun(due)!;
        assert.ok(following.getTime() - due.getTime() > 3_600_000, due.toISOString());
        assert.deepEqual(given.nextRun(new Date(following.getTime() - 1)), following);
        assert.deepEqual(given.lastRun(due, following), following);
        due = following;
      }
    }
  });

  test('is waited for through the polar night', () => {
    const sunrise = next(solar('sunrise', 69.65, 18.96), '2026-12-01T00:00:00Z')!;

    assert.match(sunrise, /^2027-01-1/);
    assert.match(next(solar('sunset', 90, 0), '2026-01-01T00:00:00Z')!, /^2026-09-2/);
  });

  test('is refused when there is none, or no such place', () => {
    assert.throws(() => solar('sunrize' as SolarEvent, 0, 0), {
      ...INVALID,
      message: /'sunrize' is invalid.*Did you mean "sunrise"\?/,
    });
    assert.throws(() => solar('sunset', 91, 0), { message: /latitude 91 .* between -90 and 90/ });
    assert.throws(() => solar('sunset', 0, Number.NaN), { message: /longitude/ });
  });

  test('is written as Celery writes it', () => {
    assert.equal(
      String(solar('sunset', -37.8, 144.9)),
      '<solar: sunset at latitude -37.8, longitude: 144.9>',
    );
  });
});

describe('a moment', () => {
  test('is due once', () => {
    const given = clocked('2027-01-01T08:00:00+01:00');

    assert.equal(next(given, '2026-12-31T00:00:00Z'), '2027-01-01T07:00:00.000Z');
    assert.equal(next(given, '2027-01-01T07:00:00Z'), undefined);
    const later = given.within(at('2027-01-02T00:00:00Z'));
    assert.deepEqual(later.isDue(new Date('2027-01-01T07:00:00Z')), {
      isDue: false,
      next: Number.POSITIVE_INFINITY,
    });
    const missed = later.isDue(new Date('2026-12-31T00:00:00Z'));
    assert.deepEqual(missed, { isDue: true, next: Number.POSITIVE_INFINITY });
    assert.equal(String(given), '<clocked: 2027-01-01 07:00:00+00:00>');
  });

  test('has to say its offset', () => {
    assert.throws(() => clocked('2027-01-01T08:00:00'), { ...INVALID, message: /Z, or with an/ });
    assert.throws(() => clocked('tomorrow'), { ...INVALID, message: /clocked: at/ });
  });
});

describe('a class of the user’s', () => {
  class Mondays extends BaseSchedule {
    readonly #step = 7 * DAY * 1000;

    override nextRun(after: Date): Date {
      const monday = Date.UTC(2026, 0, 5);
      const weeks = Math.floor((after.getTime() - monday) / this.#step) + 1;
      return new Date(monday + weeks * this.#step);
    }
  }

  /** Every minute, as somebody wrote it for Celery. */
  class Minutes extends BaseSchedule {
    override isDue(lastRunAt: Date): DueState {
      const left = lastRunAt.getTime() / 1000 + 60 - this.now();
      return left <= 0 ? { isDue: true, next: 60 } : { isDue: false, next: left };
    }
  }

  test('that gives nextRun has everything else', () => {
    const given = new Mondays().within(at('2026-03-04T00:00:00Z'));

    assert.equal(
      last(given, '2000-01-01T00:00:00Z', '2026-03-01T00:00:00Z'),
      '2026-02-23T00:00:00.000Z',
    );
    assert.deepEqual(given.isDue(new Date('2026-03-01T00:00:00Z')), { isDue: true, next: 5 * DAY });
    assert.equal(String(given), '<Mondays>');
    assert.equal(given.toJSON(), undefined);
  });

  test('that gives isDue is due when it says so', () => {
    const given = new Minutes();

    assert.equal(next(given, '2026-01-01T00:00:00Z'), '2026-01-01T00:01:00.000Z');
    const later = given.within(at('2026-01-01T00:01:01Z'));
    assert.equal(later.remainingEstimate(new Date('2026-01-01T00:00:00Z')), -1);
  });

  test('that gives neither is told so', () => {
    class Nothing extends BaseSchedule {}

    assert.throws(() => new Nothing().nextRun(new Date()), {
      ...INVALID,
      message: /^Nothing has no/,
    });
  });
});

describe('a value that is to be a schedule', () => {
  for (const given of [
    schedule(30, { relative: true }),
    crontab({ minute: [1, 2], timezone: 'Europe/Berlin' }),
    cron('0 4 * * *', { timezone: 'Europe/Berlin' }),
    solar('sunset', -37.8, 144.9),
    clocked('2027-01-01T07:00:00Z'),
  ]) {
    test(`comes back from JSON as ${given}`, () => {
      const again = toSchedule(JSON.parse(JSON.stringify(given)));

      assert.ok(given.equals(again));
      assert.deepEqual(again.toJSON(), given.toJSON());
    });
  }

  test('is seconds when it is a number, and itself when it is a schedule', () => {
    const given = crontab({ minute: 0 });

    assert.equal(String(toSchedule(30)), '<freq: 30.00 seconds>');
    assert.equal(toSchedule(given), given);
  });

  test('reads in the zone and by the clock that it is given', () => {
    const given = scheduleFromData(
      { __type__: 'crontab', minute: 0, hour: [4] },
      { timezone: 'Asia/Tokyo', ...at('2026-07-01T18:00:00Z') },
    );

    assert.equal(given.remainingEstimate(new Date('2026-07-01T12:00:00Z')), 3600);
  });

  for (const [value, message] of [
    ['0 4 * * *', /Did you mean crontab\.fromString\("0 4 \* \* \*"\)\?/],
    [{ nextRun() {} }, /extends BaseSchedule/],
    [null, /got None/],
    [{ __type__: 'intervall', every: 1 }, /got 'intervall'. Did you mean "interval"\?/],
    [{ __type__: 'toString' }, /is one of interval, crontab, cron, solar, clocked/],
    [{ __type__: 'interval' }, /interval needs the field every/],
    [{ __type__: 'interval', every: '30' }, /every of interval has to be a number, got '30'/],
    [{ __type__: 'interval', every: 30, relativ: true }, /no field "relativ". Did you mean "rel/],
    [{ __type__: 'interval', every: 30, relative: 1 }, /relative of interval has to be true or/],
    [{ __type__: 'crontab', minute: {} }, /minute of crontab has to be a string/],
    [{ __type__: 'crontab', minute: '60' }, /crontab, minute '60': Invalid end range/],
    [{ __type__: 'cron', expression: 5 }, /expression of cron has to be a string, got 5/],
    [{ __type__: 'solar', event: 'sunset', latitude: 1 }, /solar needs the field longitude/],
    [{ __type__: 'clocked', at: 'soon' }, /clocked: at/],
  ] as const) {
    test(`is refused when it is ${JSON.stringify(value)}`, () => {
      assert.throws(() => toSchedule(value), { ...INVALID, message });
    });
  }
});
