import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  bindingMatches,
  priorityStep,
  topicPattern,
} from '../../../../src/messaging/virtual/routing.ts';

describe('priority step', () => {
  test('it is the largest step that the priority reaches', () => {
    const priorities = [0, 2, 3, 5, 6, 8, 9];
    assert.deepEqual(priorities.map(priorityStep), [0, 0, 3, 3, 6, 6, 9]);
  });

  test('what is out of range or no number counts as the nearest priority or 0', () => {
    const priorities = [-5, 255, '7', 4.9, 'high', null, undefined, Number.NaN, {}];
    assert.deepEqual(priorities.map(priorityStep), [0, 9, 6, 3, 0, 0, 0, 0, 0]);
  });
});

describe('topic pattern', () => {
  test('it is the expression that kombu makes', () => {
    assert.equal(topicPattern('feed.*.#'), '^feed\\..*?[^\\.]\\..*?$');
    assert.equal(topicPattern('a-b.č'), '^a\\-b\\.č$');
  });

  test('direct bindings are compared, fanout bindings always match', () => {
    assert.equal(bindingMatches('direct', 'a.*', 'a.b'), false);
    assert.equal(bindingMatches('direct', 'a.b', 'a.b'), true);
    assert.equal(bindingMatches('fanout', 'x', 'y'), true);
    assert.equal(bindingMatches('topic', 'a.*', 'a.b'), true);
    assert.equal(bindingMatches('topic', 'a.*', 'b.b'), false);
  });
});
