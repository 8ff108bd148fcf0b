import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WorkerLostError } from '../../../src/pool/errors.ts';
import { Announcer, type RequestListener } from '../../../src/worker/announcer.ts';
import { hooks } from '../../../src/worker/listeners/usual.ts';
import { Request } from '../../../src/worker/request.ts';

const request = Object.create(Request.prototype) as Request;
const runtime = 0.5;

/** Notes which of its methods are called. */
function listener(names: readonly (keyof RequestListener)[]): {
  heard: string[];
  it: RequestListener;
} {
  const heard: string[] = [];
  const methods = names.map(name => [name, () => void heard.push(name)]);
  return { heard, it: Object.fromEntries(methods) };
}

describe('the announcer of a worker', () => {
  test('tells an answer, and then which kind it was', () => {
    const { heard, it } = listener(['answered', 'succeeded', 'failed']);
    const announcer = new Announcer([it]);

    announcer.answered(request, { kind: 'success', runtime });
    announcer.answered(request, { kind: 'failure', runtime, error: 'Error()' });
    announcer.answered(request, { kind: 'retry', runtime });

    assert.deepEqual(heard, ['answered', 'succeeded', 'answered', 'failed', 'answered']);
  });

  test('tells everybody, in their order, what they listen to', () => {
    const order: string[] = [];
    const announcer = new Announcer([
      { received: () => void order.push('first') },
      { started: () => void order.push('other') },
      { received: (_, queue) => void order.push(`second, from ${queue}`) },
    ]);

    announcer.received(request, 'feeds');

    assert.deepEqual(order, ['first', 'second, from feeds']);
  });

  test("calls a task's own hooks, with an error for a failed answer and for a lost process", () => {
    const errors: Error[] = [];
    class Own extends Request {
      override onFailure(error: Error): void {
        errors.push(error);
      }
    }
    const own = Object.create(Own.prototype) as Own;
    const announcer = new Announcer([hooks]);
    const lost = new WorkerLostError('gone', { exitCode: 1, signal: null });

    announcer.answered(own, { kind: 'failure', runtime, error: "ValueError('x')" });
    announcer.lost(own, lost);

    assert.deepEqual([errors[0]?.message, errors[1]], ["ValueError('x')", lost]);
  });
});
