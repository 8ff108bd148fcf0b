import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromIso, toIso } from '../../../src/wire/dates.ts';

describe('an instant as text', () => {
  test('looks as Python writes it', () => {
    assert.equal(toIso(0), '1970-01-01T00:00:00+00:00');
    assert.equal(toIso(1795173964.633), '2026-11-20T11:26:04.633000+00:00');
    assert.equal(toIso(1795173964.633013), '2026-11-20T11:26:04.633013+00:00');
    assert.equal(toIso(-1.5), '1969-12-31T23:59:58.500000+00:00');
    assert.equal(toIso(1.9999999), '1970-01-01T00:00:02+00:00');
  });

  test('is refused when it is none', () => {
    for (const bad of [Number.NaN, Infinity, 1e20, 253402300800, -62135596801]) {
      assert.throws(() => toIso(bad), {
        name: 'RangeError',
        message: new RegExp(`Not a time: ${bad}`.replace('+', '\\+')),
      });
    }
  });
});

describe('a text as instant', () => {
  for (const [text, seconds] of [
    ['1970-01-01T00:00:00+00:00', 0],
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01 00:00:00', 0],
    ['1970-01-02', 86400],
    ['1970-01-01T00:01', 60],
    ['1970-01-01T02:00:00+02:00', 0],
    ['1970-01-01T00:00:00-0530', 19800],
    ['1970-01-01T00:00:00+01', -3600],
    ['1970-01-01T00:00:00.5Z', 0.5],
    ['1970-01-01T00:00:00.123456789+00:00', 0.123456789],
    ['1969-12-31T23:59:59.250Z', -0.75],
    ['2024-02-29T00:00:00Z', 1709164800],
    ['0099-01-01T00:00:00Z', -59042995200],
    ['0001-01-01T00:00:00Z', -62135596800],
    ['0001-01-01T00:00:00+01:00', undefined],
    ['0000-12-31T23:59:59Z', undefined],
    ['9999-12-31T23:59:59Z', 253402300799],
    ['9999-12-31T23:59:59.999999Z', 253402300800 - 2 ** -14],
    ['9999-12-31T23:59:59-01:00', undefined],
  ] as const) {
    test(`${text} is read or refused as documented`, () => {
      if (seconds === undefined) assert.throws(() => fromIso(text), RangeError);
      else assert.equal(fromIso(text), seconds);
    });
  }

  for (const text of [
    '',
    'tomorrow',
    '2026-13-01T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:00+25:00',
    '2026-01-01T00:00:00 GMT',
    '1795173964',
    `2026-01-01T00:00:00Z${' '.repeat(1000)}x`,
  ]) {
    test(`${JSON.stringify(text.slice(0, 30))} is refused by name`, () => {
      assert.throws(
        () => fromIso(text),
        (error: Error) =>
          error instanceof RangeError &&
          error.message.includes(JSON.stringify(text.slice(0, 80)).slice(0, -1)),
      );
    });
  }

  test('gives back what was written, to the microsecond', () => {
    for (const seconds of [0, 1795173964.633013, 1e9 + 1e-6, 4102444800.999999]) {
      assert.ok(Math.abs(fromIso(toIso(seconds)) - seconds) < 1e-6);
    }
  });
});
