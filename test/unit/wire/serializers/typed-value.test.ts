import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { saferepr } from '../../../../src/base/text/saferepr.ts';
import { TimeZone } from '../../../../src/base/time/time-zone.ts';
import { dateIso, hasOffset, toIso } from '../../../../src/wire/dates.ts';
import { precedence } from '../../../../src/wire/results/states.ts';
import {
  Decimal,
  isTypedValue,
  PyDate,
  PyDateTime,
  PyTime,
  PyUuid,
} from '../../../../src/wire/serializers/typed-value.ts';

describe('a value that only Python has', () => {
  for (const [value, repr] of [
    [new PyDate('2020-01-02'), 'datetime.date(2020, 1, 2)'],
    [new PyTime('03:04'), 'datetime.time(3, 4)'],
    [new PyTime('03:04:05.500000'), 'datetime.time(3, 4, 5, 500000)'],
    [new PyTime('03:04:00.000001'), 'datetime.time(3, 4, 0, 1)'],
    [new PyTime('03:04:05Z'), 'datetime.time(3, 4, 5, tzinfo=datetime.timezone.utc)'],
    [new PyDateTime('2020-01-02T03:04:05'), 'datetime.datetime(2020, 1, 2, 3, 4, 5)'],
    [new PyDateTime('2020-01-02 03:04'), 'datetime.datetime(2020, 1, 2, 3, 4)'],
    [
      new PyDateTime('2020-01-02T03:04:05+00:00'),
      'datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)',
    ],
    [
      new PyDateTime('2020-01-02T03:04:05.000006+05:30'),
      'datetime.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone(datetime.timedelta(seconds=19800)))',
    ],
    [
      new PyDateTime('2020-01-02T03:04:05-03:30'),
      'datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=73800)))',
    ],
    [new PyDateTime('some day'), "datetime.datetime('some day')"],
    [new Decimal('1.10'), "Decimal('1.10')"],
    [
      new PyUuid('00112233-4455-6677-8899-aabbccddeeff'),
      "UUID('00112233-4455-6677-8899-aabbccddeeff')",
    ],
  ] as const) {
    test(`is shown as Python shows it: ${repr.slice(0, 60)}`, () => {
      assert.equal(saferepr(value), repr);
    });

    test(`reads as its text in JavaScript: ${value.text}`, () => {
      assert.deepEqual(
        [`${value}`, JSON.stringify(value), isTypedValue(value)],
        [value.text, JSON.stringify(value.text), true],
      );
    });
  }

  for (const [text, iso] of [
    ['2020-01-02T03:04:05.000999', '2020-01-02T03:04:05.000Z'],
    ['2020-01-02T03:04:05.001', '2020-01-02T03:04:05.001Z'],
    ['2020-01-02T03:04:05.999999', '2020-01-02T03:04:05.999Z'],
    ['1960-01-02T03:04:05.000999', '1960-01-02T03:04:05.000Z'],
    ['2020-01-02T03:04:05+01:00', '2020-01-02T02:04:05.000Z'],
    ['2020-01-02T03:04:05.9-01:00', '2020-01-02T04:04:05.900Z'],
    ['9999-12-31T23:59:59.999999', '9999-12-31T23:59:59.999Z'],
    ['0001-01-01T00:00:00.000001', '0001-01-01T00:00:00.000Z'],
  ] as const) {
    test(`is cut to milliseconds as a Date: ${text}`, () => {
      assert.equal(new PyDateTime(text).toDate().toISOString(), iso);
    });
  }

  test('is known by its brand, which other things lack', () => {
    for (const other of [{}, { type: 'date', text: 'x' }, new Date()]) {
      assert.equal(isTypedValue(other), false);
    }
  });
});

describe('a moment in a zone', () => {
  for (const [zone, seconds, text] of [
    ['UTC', 0, '1970-01-01T00:00:00+00:00'],
    ['Europe/Berlin', 0, '1970-01-01T01:00:00+01:00'],
    ['Asia/Kolkata', 0.5, '1970-01-01T05:30:00.500000+05:30'],
    ['America/St_Johns', 0, '1969-12-31T20:30:00-03:30'],
    ['Europe/Berlin', -3e9, '1874-12-07T19:33:28+00:53:28'],
    ['Asia/Kolkata', 253_402_300_799, '9999-12-31T23:59:59+00:00'],
    ['America/New_York', -62_135_596_800, '0001-01-01T00:00:00+00:00'],
  ] as const) {
    test(`is written with its offset in ${zone}: ${text}`, () => {
      assert.equal(toIso(seconds, new TimeZone(zone)), text);
    });
  }

  for (const [text, has] of [
    ['2020-01-02', false],
    ['2020-01-02T03:04:05', false],
    ['2020-01-02T03:04:05Z', true],
    ['2020-01-02T03:04:05-03', true],
    ['2020-01-02T03:04:05+0330', true],
    ['2020-01-02T03:04:05+00:53:28', true],
  ] as const) {
    test(`${has ? 'names' : 'does not name'} an offset in ${text}`, () => {
      assert.equal(hasOffset(text), has);
    });
  }

  for (const [date, text] of [
    [new Date(0), '1970-01-01T00:00:00+00:00'],
    [new Date(1), '1970-01-01T00:00:00.001000+00:00'],
    [new Date('0001-01-01T00:00:00.001Z'), '0001-01-01T00:00:00.001000+00:00'],
    [new Date('9999-12-31T23:59:59.999Z'), '9999-12-31T23:59:59.999000+00:00'],
    [new Date('+010000-01-01T00:00:00Z'), undefined],
    [new Date('0000-12-31T23:59:59Z'), undefined],
    [new Date(Number.NaN), undefined],
  ] as const) {
    test(`of a Date is ${text}`, () => {
      assert.equal(dateIso(date), text);
    });
  }
});

describe('states of a task', () => {
  test('are ordered as in Celery, with states of somebody’s own behind failure', () => {
    const states = ['PENDING', 'RETRY', 'PROGRESS', 'SUCCESS', 'STARTED', 'FAILURE', 'REVOKED'];

    assert.deepEqual(
      states.toSorted((a, b) => precedence(a) - precedence(b)),
      [...['SUCCESS', 'FAILURE', 'PROGRESS', 'REVOKED', 'STARTED', 'RETRY', 'PENDING']],
    );
  });
});
