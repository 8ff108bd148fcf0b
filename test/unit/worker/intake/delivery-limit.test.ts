import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskOptions } from '../../../../src/app/options/task-options.ts';
import { WorkerLostError } from '../../../../src/pool/errors.ts';
import { deliveryLimit } from '../../../../src/worker/intake/delivery-limit.ts';
import { requestFor } from '../made-requests.ts';

const AT_LEAST_ONCE: TaskOptions = { acksLate: true, rejectOnWorkerLost: true };

function judge(count: unknown, limit: number, options: TaskOptions = AT_LEAST_ONCE) {
  const headers = count === undefined ? {} : { 'x-delivery-count': count };
  const { request, delivery } = requestFor({ headers }, options, { redelivered: true });
  return deliveryLimit(limit)(request.headers, delivery, request.task);
}

describe('a message whose worker was lost again and again', () => {
  test('is given up with an error that tells the count and the limit', () => {
    const { reason, error } = judge(5, 5)!;

    assert.equal(reason, 'delivery_limit');
    assert.ok(error instanceof WorkerLostError);
    assert.match(error.message, /delivered 5 times .* \(worker_max_deliveries is 5\)/);
  });

  test('is tried again below the limit', () => {
    assert.equal(judge(4, 5), undefined);
  });

  test('is not judged when its task would not be put back', () => {
    assert.equal(judge(9, 5, { acksLate: true }), undefined);
    assert.equal(judge(9, 5, { rejectOnWorkerLost: true }), undefined);
  });

  for (const count of [undefined, 'many', -9]) {
    test(`counts as new when its count is ${count}`, () => {
      assert.equal(judge(count, 1), undefined);
    });
  }
});
