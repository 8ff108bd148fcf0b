import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ResultCodec } from '../../../../src/backends/result-codec.ts';
import { decodeGroup, encodeGroup } from '../../../../src/backends/sqlite/group-pickle.ts';
import { fromRow, toDatabaseTime, toRow } from '../../../../src/backends/sqlite/row.ts';
import type { TaskRow } from '../../../../src/backends/sqlite/tables.ts';
import { fromIso } from '../../../../src/wire/dates.ts';
import { pickleEncode } from '../../../../src/wire/serializers/pickle.ts';
import { meta } from '../../../contract/backend.contract.ts';

const JSON_CODEC = new ResultCodec({});
const EXTENDED = {
  ...{ name: 't.add', args: [1, 'é'], kwargs: { a: null }, worker: 'w@h', retries: 2, queue: 'q' },
};

describe('a result in a row of Python’s table', () => {
  test('reads back as it was stored', () => {
    const document = { ...meta('1', 'SUCCESS', { a: [1, 'é', null] }), children: null };

    assert.deepEqual(fromRow(toRow(document, JSON_CODEC), JSON_CODEC), document);
  });

  for (const serializer of ['json', 'yaml', 'msgpack', 'pickle']) {
    test(`has what result_extended adds, with arguments in ${serializer}`, () => {
      const codec = new ResultCodec({ serializer });
      const document = { ...meta('1', 'SUCCESS', 7), children: null, ...EXTENDED };

      assert.deepEqual(fromRow(toRow(document, codec), codec), document);
    });
  }

  test('has nothing in columns that are empty, or that an older table lacks', () => {
    const row = { ...toRow(meta('1', 'SUCCESS', 7), JSON_CODEC) } as Record<string, unknown>;
    for (const column of ['args', 'kwargs', 'worker']) delete row[column];

    const read = fromRow(row as unknown as TaskRow, JSON_CODEC);

    const added = Object.keys(EXTENDED).filter(field => field in read);
    assert.deepEqual(added, []);
  });

  test('keeps its result when its arguments were written by another serializer', () => {
    const document = { ...meta('1', 'SUCCESS', 7), ...EXTENDED };
    const row = toRow(document, new ResultCodec({ serializer: 'pickle' }));

    const read = fromRow(row, JSON_CODEC);

    assert.deepEqual([read.result, read.name, 'args' in read], [7, 't.add', false]);
  });

  test('has not begun when Python has written no state, and no result', () => {
    const row = { ...toRow(meta('1', 'SUCCESS'), JSON_CODEC), status: null, result: null };

    const { status, result } = fromRow(row as unknown as TaskRow, JSON_CODEC);

    assert.deepEqual([status, result], ['PENDING', null]);
  });

  test('is not read when it is more than plain data', () => {
    const result = Buffer.from('\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.', 'latin1');

    assert.throws(
      () => fromRow({ ...toRow(meta('1', 'SUCCESS'), JSON_CODEC), result }, JSON_CODEC),
      {
        name: 'SecurityError',
      },
    );
  });

  for (const [iso, stored] of [
    ['2026-11-20T11:26:04.633013+00:00', '2026-11-20 11:26:04.633013'],
    ['2026-11-20T11:26:04+00:00', '2026-11-20 11:26:04.000000'],
    ['1970-01-01T00:00:00+02:00', '1969-12-31 22:00:00.000000'],
    ['1969-12-31T23:59:58.500001+00:00', '1969-12-31 23:59:58.500001'],
    ['0001-01-01T00:00:00+00:00', '0001-01-01 00:00:00.000000'],
    ['9999-12-31T23:59:59+00:00', '9999-12-31 23:59:59.000000'],
  ] as const) {
    test(`was done at ${iso}, which SQLAlchemy writes as ${stored}`, () => {
      assert.equal(toDatabaseTime(fromIso(iso)), stored);
    });
  }
});

describe('a group in a row of Python’s table', () => {
  const one = ['a', null];
  for (const tuple of [
    [['g', null], []],
    [
      ['g', null],
      [
        [one, null],
        [['b', null], null],
      ],
    ],
    [['g', null], [[['c', [['parent', null], null]], null]]],
    [['g', null], [[['inner', null], [[one, null]]]]],
  ]) {
    test(`reads back as it was stored: ${JSON.stringify(tuple)}`, () => {
      assert.deepEqual(decodeGroup(encodeGroup(tuple)), tuple);
    });
  }

  for (const other of [
    ...[undefined, null, 'g', {}, [], [['g', null]], [['g', null], [], 1], [[7, null], []]],
    ...[
      [['g', 'parent'], []],
      [['g', null], 'members'],
      [['g', null], [['a']]],
    ],
  ]) {
    test(`is none of ${JSON.stringify(other)}`, () => {
      assert.throws(() => encodeGroup(other), {
        name: 'EncodeError',
        message: 'A group is saved as its result tuple: [[id, parent], [members]].',
      });
    });
  }

  test('is not read from a pickle of something else', () => {
    assert.throws(() => decodeGroup(pickleEncode({ a: 1 })), {
      name: 'DecodeError',
      message: /a saved group is a pickled GroupResult\./,
    });
  });
});
