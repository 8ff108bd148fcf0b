import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { serializerNamed } from '../../../../src/wire/content.ts';
import { type EventFields, eventOf } from '../../../../src/wire/messages/event.ts';
import { createEventBatch } from '../../../../src/wire/messages/event-batch.ts';

const STAMP = { hostname: 'w1@h', utcoffset: -2, pid: 7, clock: 1, timestamp: 1764457200.123 };

const FIELDS: Readonly<Record<string, EventFields>> = {
  'nothing of its own': {},
  texts: { uuid: 'a-b', args: '(1, "two")', result: "'back\\slash'", empty: '' },
  'control characters': { text: '\u0000\u0007\b\t\n\u001f\u007f\u0085\u2028' },
  'letters of every kind': { text: 'zażółć ✓ 😀' },
  'halves of letters': { text: '\ud800 and \udc00', at: 'end\ud83d' },
  numbers: { retries: 0, runtime: 1e-7, large: 2 ** 53, negative: -1.5, zero: -0 },
  'what is not there': { parent_id: null, traceback: undefined, terminated: true },
  'lists and maps': { loadavg: [0.1, null, 'x'], map: { a: { b: [] } } },
};

describe('a batch of events', () => {
  for (const [what, fields] of Object.entries(FIELDS)) {
    test(`writes ${what} as JSON.stringify does`, () => {
      const batch = createEventBatch('json');

      batch.add('task-mine', STAMP, fields);

      assert.equal(batch.take(), JSON.stringify([eventOf('task-mine', STAMP, fields)]));
    });
  }

  test('keeps its events apart, whoever tells them and when', () => {
    const stamps = [
      STAMP,
      { ...STAMP, clock: 2 },
      { ...STAMP, timestamp: 1764457200.124 },
      { ...STAMP, timestamp: 1764457200.124, hostname: 'w"2"@h' },
      { ...STAMP, utcoffset: 0 },
      { ...STAMP, pid: 8 },
      STAMP,
    ];
    const batch = createEventBatch('json');

    for (const [n, stamp] of stamps.entries()) batch.add('task-"x"', stamp, { n });

    assert.equal(batch.size, stamps.length);
    const all = stamps.map((stamp, n) => eventOf('task-"x"', stamp, { n }));
    assert.equal(batch.take(), JSON.stringify(all));
    assert.equal(batch.size, 0);
    assert.equal(batch.take(), '[]');
  });

  test('writes what only kombu has a way for as kombu does', () => {
    const batch = createEventBatch('json');
    const fields = { at: new Date(0), large: 2n ** 70n, nan: Number.NaN };

    batch.add('task-mine', STAMP, fields);

    const events = [eventOf('task-mine', STAMP, fields)];
    assert.equal(
      batch.take(),
      serializerNamed('json').encode(events).toString().replaceAll(', "', ',"'),
    );
  });

  for (const serializer of ['msgpack', 'yaml']) {
    test(`is written by ${serializer} when it is asked for`, () => {
      const batch = createEventBatch(serializer);

      batch.add('task-mine', STAMP, { a: 'b' });
      batch.add('task-mine', { ...STAMP, clock: 2 }, {});

      assert.equal(batch.size, 2);
      const { decode } = serializerNamed(serializer);
      assert.deepEqual(decode(Buffer.from(batch.take())), [
        eventOf('task-mine', STAMP, { a: 'b' }),
        eventOf('task-mine', { ...STAMP, clock: 2 }, {}),
      ]);
      assert.equal(batch.size, 0);
    });
  }
});
