import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkStateUpdate } from '../../../src/execute/state-update.ts';

const refused: [what: string, update: unknown, message: string][] = [
  [
    'the positional form of Celery',
    'PROGRESS',
    "updateState takes an object, got 'PROGRESS'; write updateState({ state: 'PROGRESS', meta: … })",
  ],
  [
    'the progress of BullMQ',
    50,
    'The options of updateState must be an object such as { state: … }, got 50',
  ],
  [
    'a status',
    { status: 'PROGRESS' },
    'There is no option "status" of updateState. Did you mean "state"?',
  ],
  [
    'a misspelt meta',
    { state: 'PROGRESS', mata: 1 },
    'There is no option "mata" of updateState. Did you mean "meta"?',
  ],
  [
    'a meta alone',
    { meta: { percent: 50 } },
    'The state of updateState must be a text that is not empty, got None.',
  ],
  [
    'a state that is a number',
    { state: 5 },
    'The option state must be a text that is not empty, got 5.',
  ],
];

describe('what updateState takes', () => {
  for (const [what, update, message] of refused) {
    it(`is refused by name when it is ${what}`, () => {
      assert.throws(() => checkStateUpdate(update as never), { name: 'TypeError', message });
    });
  }

  it('may have any meta, and the id of another task', () => {
    for (const meta of [undefined, null, 0, 'text', { percent: 50 }, new Error('x')]) {
      checkStateUpdate({ state: 'PROGRESS', meta, taskId: 'other' });
    }
    checkStateUpdate({ state: 'PROGRESS', taskId: null as never });
  });
});
