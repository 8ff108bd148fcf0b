import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bounds,
  choice,
  flag,
  float,
  integer,
  isoDate,
  isoDateOrSeconds,
  jsonArray,
  jsonObject,
  list,
  logLevel,
  path,
  port,
  seconds,
  since,
  text,
  url,
  type ValueType,
} from '../../../../src/cli/parsing/value-type.ts';

/** One row: what is typed, and the value or the refusal that it becomes. */
type Row = readonly [given: string, expected: unknown];

function reads(type: ValueType<unknown>, rows: readonly Row[]): void {
  for (const [given, expected] of rows) {
    const label = `${JSON.stringify(given)} of ${type.metavar || 'a flag'}`;
    if (expected instanceof RegExp) {
      assert.throws(
        () => type.parse(given),
        error => error instanceof RangeError && expected.test(error.message),
        label,
      );
    } else {
      assert.deepEqual(type.parse(given), expected, label);
    }
  }
}

describe('what follows an option', () => {
  it('is text, of which nothing is left out, and which is never empty', () => {
    for (const type of [text, path, url]) {
      reads(type, [
        ['celery', 'celery'],
        [' padded ', ' padded '],
        ['-', '-'],
        ['', /^it is empty\.$/],
        ['  ', /^it is empty\.$/],
        ['\t\n', /^it is empty\.$/],
      ]);
    }
  });

  it('is a word for yes or no', () => {
    const yes = ['1', 'true', 'True', 'T', 'yes', 'Y', 'on', ' ON '];
    const no = ['0', 'false', 'F', 'no', 'N', 'off', 'OFF', '', ' '];
    reads(flag, [
      ...yes.map((word): Row => [word, true]),
      ...no.map((word): Row => [word, false]),
      ['maybe', /^'maybe' is not a valid boolean\.$/],
      ['2', /not a valid boolean/],
      ['null', /not a valid boolean/],
    ]);
  });

  it('is a whole number', () => {
    reads(integer(), [
      ['0', 0],
      ['-3', -3],
      ['+4', 4],
      [' 10 ', 10],
      ['007', 7],
      ['1.0', /^'1.0' is not a valid integer\.$/],
      ['1e3', /not a valid integer/],
      ['0x10', /not a valid integer/],
      ['', /^'' is not a valid integer\.$/],
      ['ten', /not a valid integer/],
      ['1 2', /not a valid integer/],
      ['--1', /not a valid integer/],
      ['Infinity', /not a valid integer/],
      ['9007199254740991', 9_007_199_254_740_991],
      ['99999999999999999999', /^'99999999999999999999' is too large\.$/],
    ]);
  });

  it('is a whole number that is not below its least', () => {
    reads(integer(1), [
      ['1', 1],
      ['0', /^0 is not in the range x>=1\.$/],
      ['-5', /^-5 is not in the range x>=1\.$/],
    ]);
  });

  it('is a port', () => {
    reads(port(0), [
      ['0', 0],
      ['65535', 65_535],
      ['65536', /^65536 is not in the range 0<=x<=65535\.$/],
      ['-1', /^-1 is not in the range x>=0\.$/],
    ]);
    reads(port(1), [
      ['1', 1],
      ['0', /^0 is not in the range x>=1\.$/],
      ['99999', /^99999 is not in the range 1<=x<=65535\.$/],
      ['http', /not a valid integer/],
    ]);
  });

  it('is a number', () => {
    reads(float(), [
      ['1', 1],
      ['1.5', 1.5],
      ['.5', 0.5],
      ['5.', 5],
      ['-2.5', -2.5],
      ['1e3', 1000],
      ['1.5E-2', 0.015],
      [' 3 ', 3],
      ['.', /^'\.' is not a valid float\.$/],
      ['1,5', /not a valid float/],
      ['NaN', /not a valid float/],
      ['inf', /not a valid float/],
      ['', /not a valid float/],
      ['1e', /not a valid float/],
    ]);
    reads(float(0), [['-0.1', /^-0.1 is not in the range x>=0\.$/]]);
  });

  it('is seconds, and no milliseconds by mistake', () => {
    reads(seconds(0), [
      ['0', 0],
      ['0.5', 0.5],
      ['86400', 86_400],
      ['1e300', /is too long/],
      ['1798761600000', /is too long/],
      ['-1', /^-1 is not in the range x>=0\.$/],
      ['1m', /not a valid float/],
    ]);
  });

  it('is two bounds in any order, or the upper one', () => {
    reads(bounds, [
      ['10,3', { max: 10, min: 3 }],
      ['3,10', { max: 10, min: 3 }],
      ['5', { max: 5, min: 0 }],
      [' 4 , 2 ', { max: 4, min: 2 }],
      ['2,2', { max: 2, min: 2 }],
      ['0,0', /^'0,0' allows no children: MAX must be at least 1\.$/],
      ['0', /allows no children/],
      [
        '1,2,3',
        /^'1,2,3': Expected two comma separated integers or one integer\. Got 3 instead\.$/,
      ],
      ['1,99999999999999999999', /^'99999999999999999999' is too large\.$/],
      ['ten', /^'ten': Expected an integer\. Got 'ten' instead\.$/],
      ['10,few', /^'10,few': Expected two comma separated integers\. Got 'few' instead\.$/],
      ['10,', /^'10,': Expected two comma separated integers\. Got '' instead\.$/],
      ['-1,5', /^'-1,5': -1 is not in the range x>=0\.$/],
      ['1.5', /Expected an integer/],
    ]);
  });

  it('is a list, of which nothing is trimmed', () => {
    reads(list, [
      ['a', ['a']],
      ['a,b', ['a', 'b']],
      ['a, b', ['a', ' b']],
      ['', /^'' has an empty name in it\.$/],
      ['a,,b', /^'a,,b' has an empty name in it\.$/],
      ['a,', /has an empty name/],
      [', ', /has an empty name/],
    ]);
  });

  it('is one of some words', () => {
    reads(choice('prefork', 'solo'), [
      ['solo', 'solo'],
      ['Solo', /^'Solo' is not one of 'prefork', 'solo'\.$/],
      ['', /^'' is not one of 'prefork', 'solo'\.$/],
    ]);
  });

  it('is a level of the log by any of its names', () => {
    reads(logLevel, [
      ['DEBUG', 'debug'],
      ['info', 'info'],
      ['Warning', 'warning'],
      ['ERROR', 'error'],
      ['critical', 'critical'],
      ['FATAL', 'critical'],
      ['loud', /^'LOUD' is not one of 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL', 'FATAL'\.$/],
      ['', /is not one of/],
    ]);
  });

  it('is JSON as Python reads it', () => {
    reads(jsonArray, [
      ['[]', []],
      ['[1, "two", null]', [1, 'two', null]],
      ['[12345678901234567890]', [12_345_678_901_234_567_890n]],
      ['{}', /^\{\} was not an array$/],
      ['1', /^1 was not an array$/],
      ['null', /^null was not an array$/],
      ['[1,', /^'\[1,' is not valid JSON: /],
      ['', /^'' is not valid JSON: /],
    ]);
    reads(jsonObject, [
      ['{"a": 1}', { a: 1 }],
      ['[]', /^\[\] was not an object$/],
      ['null', /^null was not an object$/],
      ['"x"', /^"x" was not an object$/],
      ["{'a': 1}", /is not valid JSON/],
    ]);
  });

  const dates = [
    '2026-01-31',
    '2026-01-31T08:00',
    '2026-01-31 08:00:00',
    '2026-01-31T08:00:00.123456Z',
    '2026-01-31T08:00:00,5+02:00',
    '2026-01-31T08:00:00+0200',
    '2024-02-29',
  ];
  const noDates = [
    '',
    'tomorrow',
    '2026-02-30',
    '2026-13-01',
    '2026-1-1',
    '2026-01-31T25:00',
    '2026-01-31T08:61',
    '2026-01-31T08',
    '2026-01-31T08:00:00+2',
    '2025-02-29',
    '20260131',
  ];

  it('is a date, kept as it was typed', () => {
    reads(isoDate, [
      ...dates.map((date): Row => [date, date]),
      ...noDates.map((date): Row => [date, /is not an ISO 8601 date or time such as/]),
    ]);
  });

  it('is a date or seconds from now', () => {
    reads(isoDateOrSeconds, [
      ['90', 90],
      ['-1.5', -1.5],
      ['2026-01-31', '2026-01-31'],
      ['1e300', /is too long/],
      ['90s', /^'90s' is neither a number of seconds nor an ISO 8601 date\.$/],
      ['2026-02-30', /is neither/],
    ]);
  });

  const ago: readonly (readonly [string, number])[] = [
    ['90', 90],
    ['90s', 90],
    ['15m', 900],
    ['2h', 7200],
    ['1d', 86_400],
    [' 1.5 H ', 5400],
    ['0s', 0],
  ];
  for (const [given, expected] of ago) {
    it(`is a moment ${given} ago`, () => {
      const now = Date.now() / 1000;
      const moment = since.parse(given);
      assert.ok(Math.abs(now - moment - expected) < 1, `${now - moment}`);
    });
  }

  it('is a moment in the past by its date', () => {
    reads(since, [
      ['2026-01-31T00:00:00Z', Date.UTC(2026, 0, 31) / 1000],
      ['2026-01-31T01:00:00+01:00', Date.UTC(2026, 0, 31) / 1000],
      ['1w', /^'1w' is neither a duration such as '90s', '15m', '2h' or '1d' nor an ISO 8601 date/],
      ['-5m', /is neither a duration/],
      ['', /is neither a duration/],
    ]);
  });
});
