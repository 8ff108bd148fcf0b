import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import type { TaskReply } from '../../../../src/execute/outcome.ts';
import { packReply, unpackReply } from '../../../../src/execute/run/packed-reply.ts';

const REPLIES: readonly TaskReply[] = [
  { kind: 'success', runtime: 0.25 },
  { kind: 'success', runtime: 0, texts: { result: '' } },
  { kind: 'success', runtime: 1, texts: { result: 'None' } },
  { kind: 'success', runtime: 1, texts: {} },
  { kind: 'failure', runtime: 2, error: "ValueError('x')", problem: 'invalid' },
  { kind: 'retry', runtime: 2, texts: { exception: 'None', traceback: '' } },
  { kind: 'reject', runtime: 0, requeue: true, error: 'no' },
  { kind: 'ignore', runtime: 0 },
];

describe('a reply that crosses processes', () => {
  for (const reply of REPLIES) {
    test(`is the same on the other side: ${JSON.stringify(reply)}`, () => {
      assert.deepEqual(unpackReply(deserialize(serialize(packReply(reply)))), reply);
    });
  }

  test('is only a number when a task has succeeded and nobody wants texts', () => {
    assert.equal(packReply({ kind: 'success', runtime: 0.25 }), 0.25);
  });
});
