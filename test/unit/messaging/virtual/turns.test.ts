import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pickInTurn } from '../../../../src/messaging/virtual/turns.ts';

const line = (...steps: number[]) => steps.map((step, id) => ({ step, id }));

describe('picking among queues', () => {
  test('queues of one step are served in turn, and the next pick goes on from there', () => {
    const order = ['a', 'b'];
    const waiting = new Map([
      ['a', line(0, 0, 0)],
      ['b', line(0)],
    ]);

    assert.deepEqual(
      pickInTurn(order, waiting, 3),
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    );
    assert.deepEqual(order, ['b', 'a']);
  });

  test('a lower step of any queue comes before a higher one', () => {
    const waiting = new Map([
      ['a', line(3, 9)],
      ['b', line(0, 3)],
    ]);

    assert.deepEqual(
      pickInTurn(['a', 'b'], waiting, 3),
      new Map([
        ['b', 2],
        ['a', 1],
      ]),
    );
  });

  test('an empty queue is left out', () => {
    assert.deepEqual(pickInTurn(['a', 'b'], new Map([['b', line()]]), 5), new Map());
  });
});
