import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResultCodec } from '../../../src/backends/result-codec.ts';
import { decodeException, encodeException } from '../../../src/wire/results/exception.ts';
import type { ResultMeta } from '../../../src/wire/results/result-meta.ts';
import { meta } from '../../contract/backend.contract.ts';

function stored(serializer: string, document: ResultMeta): ResultMeta {
  const codec = new ResultCodec({ serializer, accept: [serializer] });
  return codec.decodeMeta(codec.encodeMeta(document));
}

describe('a result document whose serializer cannot write everything', () => {
  it('has the text of what an error consists of', () => {
    const error = Object.assign(new TypeError('x'), { args: ['half \ud83d', new Date(0), 1] });
    const document = { ...meta('id', 'FAILURE', encodeException(error)), traceback: 'at \ud83d' };

    const { result, traceback } = stored('msgpack', document);

    const { name, args } = decodeException(result) as Error & { args?: unknown };
    assert.deepEqual(
      [name, args],
      [
        'TypeError',
        ['half \ufffd', 'datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)', 1],
      ],
    );
    assert.equal(traceback, 'at \ufffd');
  });

  it('has the text of arguments that came in another form', () => {
    const document = { ...meta('id', 'SUCCESS', 7), args: [new Set([1])], kwargs: { a: 1 } };

    for (const serializer of ['json', 'yaml', 'msgpack']) {
      const { result, args, kwargs } = stored(serializer, document);

      assert.deepEqual([result, typeof args, kwargs], [7, 'string', { a: 1 }]);
    }
  });

  it('is refused for its result', () => {
    const document = meta('id', 'SUCCESS', { at: new Date(0) });

    assert.throws(() => stored('msgpack', document), /\["at"\] is a Date and cannot be sent/);
  });
});

describe('a part of a chord whose serializer cannot write everything', () => {
  const codec = new ResultCodec({ serializer: 'msgpack', accept: ['msgpack'] });

  it('has the text of what an error consists of, as its result document', () => {
    const error = encodeException(Object.assign(new TypeError('x'), { args: [new Date(0), 1] }));
    const part = { taskId: 'id', status: 'FAILURE', result: error };

    const [, taskId, status, result] = codec.decode(codec.encodeChordPart(part)) as unknown[];

    assert.deepEqual([taskId, status], ['id', 'FAILURE']);
    assert.deepEqual(result, stored('msgpack', meta('id', 'FAILURE', error)).result);
  });

  it('is refused when a value cannot be written', () => {
    const part = { taskId: 'id', status: 'SUCCESS', result: new Date(0) };

    assert.throws(() => codec.encodeChordPart(part), { name: 'EncodeError' });
  });
});
