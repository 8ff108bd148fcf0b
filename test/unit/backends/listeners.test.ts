import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Listeners } from '../../../src/backends/listeners.ts';
import type { ResultMeta } from '../../../src/wire/results/result-meta.ts';
import { meta } from '../../contract/backend.contract.ts';

function setup() {
  const listeners = new Listeners();
  const heard: string[] = [];
  const add = (taskId: string, name: string, onMeta = (_: ResultMeta) => {}) =>
    listeners.add(
      taskId,
      document => {
        heard.push(`${name} ${document.status}`);
        onMeta(document);
      },
      error => void heard.push(`${name} ${error.message}`),
    );
  return { listeners, heard, add };
}

describe('those who wait for results', () => {
  test('hear of their own task, all of them', () => {
    const { listeners, heard, add } = setup();
    add('1', 'a');
    add('1', 'b');
    add('2', 'c');

    listeners.notify(meta('1', 'STARTED'));
    listeners.notify(meta('3', 'SUCCESS'));

    assert.deepEqual(heard, ['a STARTED', 'b STARTED']);
    assert.deepEqual([listeners.size, listeners.taskIds()], [2, ['1', '2']]);
  });

  test('hear of what cannot be read, if they want to', () => {
    const { listeners, heard, add } = setup();
    add('1', 'a');
    listeners.add('1', () => {});

    listeners.report('1', new Error('unreadable'));
    listeners.report('3', new Error('of nobody'));

    assert.deepEqual(heard, ['a unreadable']);
  });

  test('leave one by one; the last one says so, once', () => {
    const { listeners, heard, add } = setup();
    const [leaveA, leaveB] = [add('1', 'a'), add('1', 'b')];

    assert.deepEqual([leaveA(), leaveA(), listeners.has('1')], [false, false, true]);
    assert.deepEqual([leaveB(), leaveB(), listeners.has('1')], [true, false, false]);
    listeners.notify(meta('1', 'SUCCESS'));

    assert.deepEqual([heard, listeners.size], [[], 0]);
  });

  test('do not end the wait of those who came after the last had left', () => {
    const { listeners, add } = setup();
    const leave = add('1', 'a');
    leave();
    add('1', 'b');

    assert.equal(leave(), false);
    assert.equal(listeners.has('1'), true);
  });

  test('all hear what came, also when one leaves or comes while it is told', () => {
    const { listeners, heard, add } = setup();
    const leave = add('1', 'a', () => {
      leave();
      add('1', 'late');
    });
    add('1', 'b');

    listeners.notify(meta('1', 'SUCCESS'));

    assert.deepEqual(heard, ['a SUCCESS', 'b SUCCESS']);
  });

  test('hear once that there is nothing more to hear', () => {
    const { listeners, heard, add } = setup();
    const leave = add('1', 'a');
    add('2', 'b');

    listeners.close(new Error('closed'));
    listeners.close(new Error('closed again'));
    listeners.notify(meta('1', 'SUCCESS'));

    assert.deepEqual(heard, ['a closed', 'b closed']);
    assert.deepEqual([leave(), listeners.size], [false, 0]);
  });
});
