import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecodeError, EncodeError } from '../../../../src/wire/errors.ts';
import {
  decodeMeta,
  encodeMeta,
  type ResultMeta,
} from '../../../../src/wire/results/result-meta.ts';

const META: ResultMeta = {
  task_id: '1',
  status: 'SUCCESS',
  result: { b: [1, 'é'], a: null },
  traceback: null,
  children: [],
  date_done: '2026-11-20T11:45:25+00:00',
};

describe('a result document', () => {
  test('has its fields in the order of Celery and the spacing of Python', () => {
    const text = encodeMeta({
      ...META,
      group_id: 'g',
      parent_id: 'p',
      name: 't',
      args: [1],
      kwargs: {},
      worker: 'w',
      retries: 0,
      queue: 'q',
    });

    assert.equal(
      text,
      '{"status": "SUCCESS", "result": {"b": [1, "\\u00e9"], "a": null}, "traceback": null, "children": [], "date_done": "2026-11-20T11:45:25+00:00", "group_id": "g", "parent_id": "p", "name": "t", "args": [1], "kwargs": {}, "worker": "w", "retries": 0, "queue": "q", "task_id": "1"}',
    );
  });

  test('reads back equal', () => {
    const metas: ResultMeta[] = [
      META,
      { ...META, result: undefined, children: null, date_done: null },
      { ...META, result: [new Date(5), Buffer.from([255]), 2n ** 70n, Number.NaN] },
      { ...META, stamps: { mystamp: ['a'], other: 3 } },
      { ...META, children: [[['2', null], null]], traceback: 'Traceback …\n' },
    ];
    for (const meta of metas) {
      assert.deepEqual(decodeMeta(encodeMeta(meta)), { ...meta, result: meta.result ?? null });
    }
  });

  test('whose state is null, as Python stores it, is that of a pending task', () => {
    const { status, result } = decodeMeta('{"status": null, "result": {"percent": 50}}');

    assert.deepEqual([status, result], ['PENDING', { percent: 50 }]);
  });

  test('has a field for each stamp', () => {
    const text = encodeMeta({ ...META, stamps: { mystamp: 'v', status: 'FAILURE' } });

    assert.match(text, /"stamped_headers": \["mystamp"\], "mystamp": "v", "task_id": "1"\}$/);
    assert.equal(decodeMeta(text).status, 'SUCCESS');
  });

  test('with a result that cannot be written says which part', () => {
    assert.throws(
      () => encodeMeta({ ...META, result: { f: [() => 1] } }),
      (error: Error) => {
        return (
          error instanceof EncodeError && error.message.startsWith('result.f[0] is a function')
        );
      },
    );
  });

  test('with parts of a wrong type is read without them', () => {
    const read = decodeMeta(
      '{"status": "X", "traceback": 5, "children": {}, "date_done": [], "task_id": 5, "group_id": 1, "name": [], "retries": "x", "stamped_headers": ["__proto__", 5, "gone"]}',
    );

    assert.deepEqual(read, {
      task_id: '',
      status: 'X',
      result: null,
      traceback: null,
      children: null,
      date_done: null,
      stamps: {},
    });
  });

  test('with a typed date is read as text', () => {
    const date = (value: string) =>
      decodeMeta(`{"status": "X", "date_done": {"__type__": "datetime", "__value__": "${value}"}}`)
        .date_done;

    assert.equal(date('2026-11-20T11:45:25.000001'), '2026-11-20T11:45:25.000001');
    assert.equal(date('2026-11-20T11:45:25+00:00'), '2026-11-20T11:45:25.000Z');
  });

  for (const text of ['', 'x', 'null', '5', '[]', '{}', '{"status": 5}', '{"status": "X"']) {
    test(`is refused: ${text || 'empty text'}`, () => {
      assert.throws(() => decodeMeta(text), DecodeError);
    });
  }
});
