import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readField, writeField } from '../../../src/tracing/carrier.ts';
import type { Headers } from '../../../src/wire/messages/message.ts';

describe('headers as the carrier of a context', () => {
  it('give texts under their own names', () => {
    assert.equal(readField.get({ traceparent: '00-a-b-01' }, 'traceparent'), '00-a-b-01');
    assert.deepEqual(readField.keys({ task: 'a', baggage: 'k=v' }), ['task', 'baggage']);
  });

  it('give nothing that is no text, missing, inherited or longer than any standard allows', () => {
    for (const value of [undefined, null, 1, true, {}, ['a'], Buffer.from('a'), 'x'.repeat(8193)]) {
      assert.equal(readField.get({ traceparent: value } as Headers, 'traceparent'), undefined);
    }
    assert.equal(readField.get({}, 'toString'), undefined);
    assert.equal(readField.get({}, '__proto__'), undefined);
  });

  it('take nothing in the place of what the protocol or a broker means by a name', () => {
    const headers: Headers = { task: 't', id: 'i' };
    for (const name of ['task', 'id', 'eta', 'retries', 'stamps', 'compression', 'x-death']) {
      writeField.set(headers, name, 'of a propagator');
    }
    writeField.set(headers, '__proto__', 'of a propagator');

    assert.deepEqual(headers, { task: 't', id: 'i' });
  });

  it('take texts of any length that a reader takes, and nothing else', () => {
    const headers: Headers = {};
    writeField.set(headers, 'baggage', 'x'.repeat(8192));
    writeField.set(headers, 'tracestate', 'x'.repeat(8193));
    writeField.set(headers, 'traceparent', 7 as unknown as string);

    assert.deepEqual(Object.keys(headers), ['baggage']);
    assert.equal(readField.get(headers, 'baggage'), headers.baggage);
  });
});
