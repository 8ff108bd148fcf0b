import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { TimeZone } from '../../../src/base/time/time-zone.ts';
import { deadlineOf, keptText, momentAfter, momentOf } from '../../../src/wire/moments.ts';

const BERLIN = new TimeZone('Europe/Berlin');
const LATE = new Date('+010000-01-01T00:00:00Z');
const EARLY = new Date('-000001-01-01T00:00:00Z');

describe('a moment', () => {
  for (const [value, seconds] of [
    [0, 0],
    [1.5, 1.5],
    [-1, -1],
    [new Date(1500), 1.5],
    ['1970-01-01T00:00:01Z', 1],
    ['1970-01-01T00:00:01', 1],
    ['1970-01-02', 86_400],
    ['1970-01-01T01:00:00+01:00', 0],
  ] as const) {
    test(`is ${seconds} for ${JSON.stringify(value)}`, () => {
      assert.equal(momentOf(value, 'eta'), seconds);
    });
  }

  test('is one of the zone of the app when its text has no offset', () => {
    assert.equal(momentOf('1970-06-01T01:00:00', 'eta', BERLIN), 151 * 86_400);
    assert.equal(momentOf('1970-06-01T01:00:00Z', 'eta', BERLIN), 151 * 86_400 + 3600);
  });

  test('may be a Date of another realm', () => {
    assert.equal(momentOf(runInNewContext('new Date(2000)'), 'eta'), 2);
  });

  for (const [value, got] of [
    [undefined, 'None'],
    [null, 'None'],
    [true, 'True'],
    [Number.NaN, 'nan'],
    [new Date(Number.NaN), 'an invalid Date'],
    [{ a: 1 }, "{'a': 1}"],
    [10n, '10'],
  ] as const) {
    test(`is none of ${got}`, () => {
      assert.throws(() => momentOf(value, 'eta'), {
        name: 'TypeError',
        message: `eta must be a Date, ISO 8601 text or seconds since 1970, got ${got}.`,
      });
    });
  }

  test('is no text that is no date, which is named', () => {
    assert.throws(() => momentOf('tomorrow', 'eta'), {
      name: 'RangeError',
      message: /^eta: Not an ISO 8601 date: "tomorrow"/,
    });
  });

  for (const [value, words] of [
    [1e12, /1000000000000.* is after the year 9999\. Times are in seconds, .* 1000000000\?$/],
    [Number.POSITIVE_INFINITY, / is after the year 9999\.$/],
    [-1e12, / is before the year 1\.$/],
    [Number.NEGATIVE_INFINITY, / is before the year 1\.$/],
    [LATE, /^eta is out of range: \+010000-01-01T00:00:00\.000Z is after the year 9999\.$/],
    [EARLY, /^eta is out of range: -000001-01-01T00:00:00\.000Z is before the year 1\.$/],
  ] as const) {
    test(`is refused outside the years of Python: ${JSON.stringify(value)}`, () => {
      assert.throws(() => momentOf(value, 'eta'), { name: 'RangeError', message: words });
    });
  }
});

describe('a moment some time from now', () => {
  test('counts from now, also backwards', () => {
    assert.deepEqual(
      [momentAfter(5, 'countdown', 100), momentAfter(-5, 'countdown', 100)],
      [105, 95],
    );
  });

  for (const value of [undefined, '5', new Date(), Number.NaN]) {
    test(`is none after ${String(value).slice(0, 10)}`, () => {
      assert.throws(() => momentAfter(value, 'countdown', 0), {
        name: 'TypeError',
        message: /^countdown must be a number of seconds, got /,
      });
    });
  }

  for (const [value, where] of [
    [1e12, 'after the year 9999'],
    [-1e12, 'before the year 1'],
  ] as const) {
    test(`is refused when it is ${where}`, () => {
      assert.throws(() => momentAfter(value, 'countdown', 0), {
        name: 'RangeError',
        message: new RegExp(`^countdown is out of range: .* is ${where}`),
      });
    });
  }
});

describe('a deadline', () => {
  test('is so many seconds from now, or a moment', () => {
    assert.equal(deadlineOf(5, 'expires', 100), 105);
    assert.equal(deadlineOf(new Date(5000), 'expires', 100), 5);
    assert.equal(deadlineOf('1970-01-01T00:00:05', 'expires', 100), 5);
    assert.equal(deadlineOf('1970-01-01T01:00:05', 'expires', 100, BERLIN), 5);
  });

  for (const value of [undefined, null, {}, [], true]) {
    test(`is none of ${JSON.stringify(value)}`, () => {
      assert.throws(() => deadlineOf(value, 'expires', 0), {
        name: 'TypeError',
        message: /^expires must be a number of seconds from now, a Date or ISO 8601 text, got /,
      });
    });
  }
});

describe('a moment in a message', () => {
  for (const [value, zone, kept] of [
    [5, undefined, 'the moment'],
    [new Date(0), BERLIN, 'the moment'],
    ['1970-01-01T00:00:00', undefined, '1970-01-01T00:00:00'],
    ['1970-01-01T00:00:00', BERLIN, 'the moment'],
    ['1970-01-01T00:00:00+02:00', BERLIN, '1970-01-01T00:00:00+02:00'],
    ['1970-01-01T00:00:00Z', BERLIN, '1970-01-01T00:00:00Z'],
    ['1970-01-01', BERLIN, 'the moment'],
  ] as const) {
    test(`is ${kept} when it was given as ${JSON.stringify(value)}${zone ? ' with a zone' : ''}`, () => {
      assert.equal(keptText(value, 7, zone), kept === 'the moment' ? 7 : kept);
    });
  }
});
