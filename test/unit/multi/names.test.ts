import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, it } from 'node:test';
import { type Naming, nodeNames } from '../../../src/multi/names.ts';

const names = (line: string, naming: Naming = {}) =>
  nodeNames(line.split(' ').filter(Boolean), naming).map(({ node }) => node);

describe('names of nodes', () => {
  it('are those that were given, or a number of them', () => {
    const host = hostname();
    assert.deepEqual(names('2'), [`celery1@${host}`, `celery2@${host}`]);
    assert.deepEqual(names('0'), []);
    assert.deepEqual(names('1 2'), [`1@${host}`, `2@${host}`]);
    assert.deepEqual(names('foo bar@x'), [`foo@${host}`, 'bar@x']);
  });

  it('have a prefix, which those of a range do not, and a host', () => {
    const naming = { prefix: 'p-', hostname: 'h' };
    assert.deepEqual(names('a b@x', naming), ['p-a@h', 'b@x']);
    assert.deepEqual(names('1', naming), ['celery1@h']);
    assert.deepEqual(names('1', { ...naming, rangePrefix: 'w' }), ['w1@h']);
    assert.deepEqual(names('a', { ...naming, suffix: 's' }), ['p-a@s']);
    assert.deepEqual(names('a', { suffix: '""' }), ['a@']);
    assert.deepEqual(names('a', { hostname: 'x.%h' }), [`a@x.${hostname()}`]);
  });

  for (const [line, message] of [
    ['a/b', '"a/b" is no name for a node: it is a word before "@", without "/" and blanks.'],
    ['a=5', '"a=5" is no name for a node. A setting for every worker stands after "--": -- a=5'],
    ['@h', '"@h" is no name for a node: it is a word before "@", without "/" and blanks.'],
    ['a@h b@h a@h', 'The node a@h is named twice.'],
    ['10001', '10001 are too many nodes: 10000 are the most.'],
  ] as const) {
    it(`are refused: ${line}`, () => {
      assert.throws(() => names(line), { name: 'MultiError', message });
    });
  }
});
