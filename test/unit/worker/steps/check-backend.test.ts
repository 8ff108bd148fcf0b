import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChannelError, OperationalError } from '../../../../src/drivers/errors.ts';
import { checkBackend } from '../../../../src/worker/steps/check-backend.ts';
import { notedLog } from '../made-requests.ts';

/** The check of a store that starts like this. */
function check(start: () => Promise<void>, onlyForSender = false) {
  const { logger, lines } = notedLog();
  return { lines, checked: checkBackend({ start, onlyForSender }, logger) };
}

describe('the look at the result backend when a worker starts', () => {
  test('opens it', async () => {
    const opened: string[] = [];
    const { checked, lines } = check(async () => void opened.push('opened'));

    await checked;

    assert.deepEqual([opened, lines], [['opened'], []]);
  });

  test('only warns of one that does not answer now', async () => {
    const { checked, lines } = check(() => Promise.reject(new OperationalError('no server')));

    await checked;

    assert.deepEqual(lines, [
      'warning: The result backend does not answer; tasks will try again. no server',
    ]);
  });

  test('ends the worker when it refuses', async () => {
    const refusal = new ChannelError('wrong password');
    const { checked, lines } = check(() => Promise.reject(refusal));

    await assert.rejects(checked, refusal);

    assert.deepEqual(lines, []);
  });

  test('leaves alone what has no store of its own', async () => {
    const { checked } = check(() => assert.fail('opened'), true);

    await checked;
  });
});
