/** Which nodes a request is for, whoever wrote it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { acceptedContentTypes } from '../../../../src/wire/content.ts';
import { DecodeError } from '../../../../src/wire/errors.ts';
import { isAddressedTo, readControlRequest } from '../../../../src/wire/messages/control.ts';
import type { Message } from '../../../../src/wire/messages/message.ts';

const NODE = 'w1@test';
const LONG_NODE = 'worker-of-the-shop-in-the-cluster@production-7f5d8c6b9-xk2lq';

function read(fields: object) {
  const message: Message = {
    body: JSON.stringify({ method: 'shutdown', arguments: {}, ...fields }),
    bodyEncoding: 'utf-8',
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    headers: {},
    properties: { delivery_mode: 2 },
  };
  return readControlRequest(message, acceptedContentTypes(['json']));
}
const isFor = (fields: object, node = NODE) => isAddressedTo(read(fields), node);

describe('a control request', () => {
  test('is for everybody when it names nobody', () => {
    for (const nobody of [null, undefined, '']) {
      assert.equal(isFor({ destination: nobody, pattern: nobody, matcher: nobody }), true);
    }
  });

  test('is for those that it names, in a list or alone', () => {
    assert.equal(isFor({ destination: ['w2@test', NODE] }), true);
    assert.equal(isFor({ destination: NODE }), true);
    for (const others of [['w2@test'], 'w2@test', [5, null, [NODE]], [{ toString: 1 }]]) {
      assert.equal(isFor({ destination: others }), false, JSON.stringify(others));
    }
  });

  test('is for those that fit its pattern', () => {
    for (const [pattern, matcher, fits] of [
      ['w?@*', 'glob', true],
      ['w[23]@*', 'glob', false],
      ['w[!23]@*', 'glob', true],
      ['W1@test', 'glob', false],
      ['w\\d', 'pcre', true],
      ['1@test', 'pcre', false],
      ['((((', 'pcre', false],
    ] as const) {
      assert.equal(isFor({ pattern, matcher }), fits, pattern);
    }
  });

  test('is refused when it is meant for some, and nobody can tell which', () => {
    for (const unclear of [
      { destination: 5 },
      { destination: { [NODE]: true } },
      { destination: true },
      { pattern: ['w2@*'], matcher: 'glob' },
      { pattern: 'w2@*', matcher: 'regex' },
      { pattern: 'w2@*', matcher: 1 },
    ]) {
      assert.throws(() => read(unclear), DecodeError, JSON.stringify(unclear));
    }
  });

  test('is for nobody when its pattern takes too long, and that is seen at once', () => {
    const endless = [
      ['(((.+)+)+)+!', 'pcre'],
      ['(?:(.|.)*)*!', 'pcre'],
      [`${'*?'.repeat(20)}!`, 'glob'],
    ] as const;
    for (const [pattern, matcher] of endless) {
      const from = performance.now();
      assert.equal(isFor({ pattern, matcher }, LONG_NODE), false);
      assert.ok(performance.now() - from < 2000, `${pattern} took ${performance.now() - from} ms`);
    }
    assert.equal(isFor({ pattern: 'worker-*@*', matcher: 'glob' }, LONG_NODE), true);
  });
});
