import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { link, linkError, linksOf } from '../../../src/canvas/links.ts';
import { answersOf, membersOf, pipe, pipeAll } from '../../../src/canvas/pipe.ts';
import {
  chainSignature as C,
  chordSignature as D,
  groupSignature as G,
  tasksOf,
} from '../../../src/canvas/shapes.ts';
import type { SignatureData } from '../../../src/canvas/signature.ts';
import { t, textOf } from './short-text.ts';

/** By the table's names; `n` is where their tasks begin to count. */
const OPERANDS: Readonly<Record<string, (n: number) => SignatureData>> = {
  task: n => t(n),
  chain: n => C([t(n), t(n + 1)]),
  emptychain: () => C([]),
  chain1: n => C([t(n)]),
  'chain(..,group)': n => C([t(n), G([t(n + 1), t(n + 2)])]),
  'chain(..,chord)': n => C([t(n), D([t(n + 1), t(n + 2)], t(n + 3))]),
  group: n => G([t(n), t(n + 1)]),
  group1: n => G([t(n)]),
  group0: () => G([]),
  chord: n => D([t(n), t(n + 1)], t(n + 2)),
  'chord(body=group)': n => D([t(n), t(n + 1)], G([t(n + 2), t(n + 3)])),
  'chord(body=chain)': n => D([t(n), t(n + 1)], C([t(n + 2), t(n + 3)])),
};

const TABLE = readFileSync(new URL('../../golden/canvas/pipe.txt', import.meta.url), 'utf8');
const ROW = /^(\S+) +\| (\S+) += (\S+)$/;

describe('one signature after another', () => {
  const rows = TABLE.trim().split('\n');

  test('is known for every pair of kinds', () => {
    assert.equal(rows.length, Object.keys(OPERANDS).length ** 2);
  });

  for (const row of rows) {
    const [, left, right, result] = ROW.exec(row) ?? [];

    test(`is what Celery makes of it: ${left} | ${right}`, () => {
      const [a, b] = [OPERANDS[left!]!(1), OPERANDS[right!]!(11)];
      const before = JSON.stringify([a, b]);

      assert.equal(textOf(pipe(a, b)), result);
      assert.equal(JSON.stringify([a, b]), before);
    });
  }

  test('puts a chord that has just become one into the chord before it', () => {
    const left = C([D([t(1)], t(2)), G([t(3), t(4)])]);

    assert.equal(textOf(pipe(left, t(5))), 'C(D([t1],C(t2,D([t3,t4],t5))))');
  });

  test('keeps what was linked to a chain, by its last step and by all of them', () => {
    const chain = linkError(link(C([t(1), t(2)]), t(8)), t(9));

    const tasks = tasksOf(pipe(chain, t(3)));

    const links = tasks.map(task =>
      (['link', 'link_error'] as const).map(name => linksOf(task, name).map(textOf).join()),
    );
    assert.deepEqual(links, [
      ['', 't9'],
      ['t8', 't9'],
      ['', ''],
    ]);
  });
});

describe('a chain of several', () => {
  for (const [steps, result] of [
    [[], 'C()'],
    [[t(1)], 'C(t1)'],
    [[t(1), t(2), t(3)], 'C(t1,t2,t3)'],
    [[G([t(1), t(2)])], 'C(G[t1,t2])'],
    [[G([t(1)]), G([t(2)])], 'C(t1,t2)'],
    [[t(1), G([t(2), t(3)]), t(4)], 'C(t1,D([t2,t3],t4))'],
    [[C([t(1), t(2)])], 'C(t1,t2)'],
  ] as const) {
    test(`of ${steps.map(textOf).join(', ') || 'nothing'} is ${result}`, () => {
      assert.equal(textOf(pipeAll(steps)), result);
    });
  }
});

describe('the parts of a header', () => {
  test('answer by the last step of a chain and the body of a chord', () => {
    assert.equal(answersOf(t(1)), 1);
    assert.equal(answersOf(G([t(1), G([t(2), t(3)])])), 3);
    assert.equal(answersOf(C([t(1), t(2)])), 1);
    assert.equal(answersOf(C([t(1), G([t(2), t(3)])])), 2);
    assert.equal(answersOf(C([t(1), C([])])), 1);
    assert.equal(answersOf(C([])), 0);
    assert.equal(answersOf(D([t(1), t(2)], t(3))), 1);
    assert.equal(answersOf(D([t(1)], G([t(2), t(3)]))), 2);
  });

  test('are in order, with groups taken apart', () => {
    const header = [G([G([t(1), t(2)]), t(3)]), C([t(4), t(5)]), G([])];

    assert.equal(header.flatMap(membersOf).map(textOf).join(' '), 't1 t2 t3 C(t4,t5)');
  });
});
