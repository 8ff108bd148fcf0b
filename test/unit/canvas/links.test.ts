import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { link, linkError, linksOf } from '../../../src/canvas/links.ts';
import {
  bodyOf,
  chainSignature as C,
  chordSignature as D,
  groupSignature as G,
  headerOf,
  tasksOf,
} from '../../../src/canvas/shapes.ts';
import type { SignatureData } from '../../../src/canvas/signature.ts';
import { t, textOf } from './short-text.ts';

const links = (signature: SignatureData, name: 'link' | 'link_error' = 'link') =>
  linksOf(signature, name).map(each => `${textOf(each)}${each.immutable ? '!' : ''}`);

describe('a callback', () => {
  test('is added to a task or a chain, and the same one only once', () => {
    for (const signature of [t(1), C([t(1), t(2)])]) {
      const linked = link(link(link(signature, t(8)), t(9)), t(8));

      assert.deepEqual(links(linked), ['t8', 't9']);
      assert.deepEqual(links(signature), []);
    }
  });

  test('of a group follows its first member, without the result', () => {
    const [first, second] = tasksOf(link(G([t(1), t(2)]), t(9)));

    assert.deepEqual([links(first!), links(second!)], [['t9!'], []]);
  });

  test('of a chord follows its body', () => {
    const chord = link(D([t(1)], t(2)), t(9));

    assert.deepEqual([links(chord), links(bodyOf(chord))], [[], ['t9']]);
  });

  test('of an empty group has nothing to follow', () => {
    assert.equal(textOf(link(G([]), t(9))), 'G[]');
  });
});

describe('an errback', () => {
  const errbacks = (signature: SignatureData) => links(signature, 'link_error');

  test('of a group belongs to each member, however deep', () => {
    const [task, inner] = tasksOf(linkError(G([t(1), G([t(2)])]), t(9)));

    assert.deepEqual([errbacks(task!), errbacks(tasksOf(inner!)[0]!)], [['t9'], ['t9']]);
  });

  test('of a chord belongs to its body, and to its header when that is wanted', () => {
    const chord = D([t(1), t(2)], t(3));

    const [plain, all] = [linkError(chord, t(9)), linkError(chord, t(9), { alsoHeaders: true })];

    assert.deepEqual([errbacks(bodyOf(plain)), headerOf(plain).map(errbacks)], [['t9'], [[], []]]);
    assert.deepEqual(
      [errbacks(bodyOf(all)), headerOf(all).map(errbacks)],
      [['t9'], [['t9!'], ['t9!']]],
    );
  });

  test('that is given as one signature is a list of one', () => {
    assert.deepEqual(errbacks({ ...t(1), options: { link_error: t(9) } }), ['t9']);
  });
});
