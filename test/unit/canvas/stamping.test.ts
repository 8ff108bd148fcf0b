import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { link, linkError, linksOf } from '../../../src/canvas/links.ts';
import {
  bodyOf,
  chainSignature as C,
  chordSignature as D,
  groupSignature as G,
  headerOf,
  isKind,
  tasksOf,
} from '../../../src/canvas/shapes.ts';
import type { SignatureData } from '../../../src/canvas/signature.ts';
import { type StampingVisitor, stamped } from '../../../src/canvas/stamping.ts';
import { t, textOf } from './short-text.ts';

/** Every task in it, with its links. */
function tasksIn(signature: SignatureData): SignatureData[] {
  const links = (['link', 'link_error'] as const).flatMap(name => linksOf(signature, name));
  const inner = isKind(signature, 'chord')
    ? [...headerOf(signature), bodyOf(signature)]
    : isKind(signature, 'chain') || isKind(signature, 'group')
      ? tasksOf(signature)
      : [];
  const own = inner.length === 0 ? [signature] : [];
  return [...own, ...[...inner, ...links].flatMap(tasksIn)];
}

const WHOLE = C([linkError(link(t(1), t(8)), t(9)), D([t(2), G([t(3)])], C([t(4), t(5)]))]);

describe('stamps', () => {
  test('are on every task of a workflow, and on what is linked to it', () => {
    const all = tasksIn(stamped(WHOLE, { tenant: 'x', trace: 7 }));

    assert.deepEqual(all.map(textOf), ['t1', 't8', 't9', 't2', 't3', 't4', 't5']);
    for (const { options } of all) {
      const { stamped_headers: names, tenant, trace } = options;
      assert.deepEqual([names, tenant, trace], [['tenant', 'trace'], 'x', 7]);
    }
  });

  test('leave alone the workflow that they are made of', () => {
    const before = JSON.stringify(WHOLE);

    stamped(WHOLE, { tenant: 'x' });

    assert.equal(JSON.stringify(WHOLE), before);
  });

  test('do not replace one of the same name', () => {
    const { options } = stamped(stamped(t(1), { a: 1 }), { a: 2, b: 2 });

    assert.deepEqual(options, { stamped_headers: ['a', 'b'], a: 1, b: 2 });
  });

  test('of the same name are collected when they are appended', () => {
    const { options } = stamped(stamped(t(1), { a: 1 }), { a: 2, b: 2 }, { append: true });

    assert.deepEqual(options, { stamped_headers: ['a', 'b'], a: [1, 2], b: 2 });
  });

  test('of a visitor come over those that were given', () => {
    const visitor = { onSignature: () => ({ a: 'visitor' }) };

    const { options } = stamped(t(1), { a: 'given', b: 1 }, { visitor });

    assert.deepEqual(options, { stamped_headers: ['a', 'b'], a: 'visitor', b: 1 });
  });

  test('are only those that a visitor names, when it names them', () => {
    const visitor = { onSignature: () => ({ a: 1, queue: 'q', stamped_headers: ['a'] }) };

    const { options } = stamped(t(1), {}, { visitor });

    assert.deepEqual(options, { stamped_headers: ['a'], a: 1, queue: 'q' });
  });
});

describe('a visitor', () => {
  test('is called for each part, from the outside in', () => {
    const seen: string[] = [];
    const visitor = new Proxy({} as StampingVisitor, {
      get: (_, name) => (part: SignatureData) => {
        seen.push(`${String(name)} ${textOf(part)}`);
      },
    });

    stamped(WHOLE, {}, { visitor });

    assert.deepEqual(seen, [
      'onChainStart C(t1,D([t2,G[t3]],C(t4,t5)))',
      'onCallback t8',
      'onSignature t8',
      'onErrback t9',
      'onSignature t9',
      'onSignature t1',
      'onChordHeaderStart D([t2,G[t3]],C(t4,t5))',
      'onSignature t2',
      'onGroupStart G[t3]',
      'onSignature t3',
      'onGroupEnd G[t3]',
      'onChordHeaderEnd D([t2,G[t3]],C(t4,t5))',
      'onChordBody D([t2,G[t3]],C(t4,t5))',
      'onChainStart C(t4,t5)',
      'onSignature t4',
      'onSignature t5',
      'onChainEnd C(t4,t5)',
      'onChainEnd C(t1,D([t2,G[t3]],C(t4,t5)))',
    ]);
  });

  test('without a method for headers sees a group there', () => {
    const seen: string[] = [];
    const visitor = {
      onGroupStart(part: SignatureData) {
        seen.push(textOf(part));
        return { in: 'group' };
      },
    };

    const chord = stamped(D([t(1)], t(2)), {}, { visitor });

    assert.deepEqual(seen, ['G[t1]']);
    assert.equal(headerOf(chord)[0]!.options.in, 'group');
  });
});
