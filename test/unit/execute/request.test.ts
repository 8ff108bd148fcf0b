import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { directRequest, requestFromMessage } from '../../../src/execute/request.ts';
import type { Message } from '../../../src/wire/messages/message.ts';
import { readTaskBody, readTaskHeaders } from '../../../src/wire/messages/task-message.ts';

const ACCEPT = new Set(['application/json']);

function requestOf(embed: object) {
  const message: Message = {
    body: JSON.stringify([[], {}, embed]),
    bodyEncoding: 'utf-8',
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    headers: { id: '1', task: 't', lang: 'py' },
    properties: {},
  };
  const origin = { message, exchange: '', routingKey: '', redelivered: false };
  const node = { hostname: 'w@host', ignoreResult: false };
  const body = readTaskBody(message, ACCEPT);
  return requestFromMessage(origin, readTaskHeaders(message, ACCEPT), body, node);
}

describe('a request', () => {
  it('shows what follows its task', () => {
    const [next, then, failed] = [{ task: 'a' }, { task: 'b' }, { task: 'c' }];

    const request = requestOf({ chain: [next], callbacks: [then], errbacks: [failed] });

    assert.deepEqual(request.chain, [next]);
    assert.deepEqual(request.callbacks, [then]);
    assert.deepEqual(request.errbacks, [failed]);
  });

  it('has null where nothing follows', () => {
    for (const request of [requestOf({}), directRequest('t', '1', [], undefined)]) {
      const { chain, callbacks, errbacks } = request;
      assert.deepEqual([chain, callbacks, errbacks], [null, null, null]);
    }
  });
});
