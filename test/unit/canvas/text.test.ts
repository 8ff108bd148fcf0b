import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  chainSignature as C,
  chunksSignature,
  chordSignature as D,
  groupSignature as G,
  mapSignature,
  starmapSignature,
  taskSignature,
} from '../../../src/canvas/shapes.ts';
import { signatureText } from '../../../src/canvas/text.ts';

const add = (...args: unknown[]) => taskSignature('proj.tasks.add', { args });
const tsum = () => taskSignature('proj.tasks.tsum');
const mul = (...args: unknown[]) => taskSignature('other.mul', { args });

describe('the text of a signature', () => {
  for (const [signature, text] of [
    [add(2, 2), 'proj.tasks.add(2, 2)'],
    [taskSignature('proj.tasks.add', { kwargs: { x: 1, y: 'a' } }), "proj.tasks.add(x=1, y='a')"],
    [add(null, true), 'proj.tasks.add(None, True)'],
    [add(mul(1)), 'proj.tasks.add(other.mul(1))'],
    [C([add(2, 2), add(4), mul(8)]), 'proj.tasks.add(2, 2) | add(4) | other.mul(8)'],
    [C([]), '<chain: empty>'],
    [G([add(1, 1), add(2, 2)]), 'group([proj.tasks.add(1, 1), add(2, 2)])'],
    [G([]), 'group(<empty>)'],
    [G([mul(1, 1), add(2, 2)]), 'group([other.mul(1, 1), proj.tasks.add(2, 2)])'],
    [D([add(1, 1), add(2, 2)], tsum()), '%proj.tasks.tsum([add(1, 1), add(2, 2)])'],
    [
      D([add(1, 1), add(2, 2)], C([tsum(), add(3)])),
      '%(proj.tasks.tsum([add(1, 1), add(2, 2)]) | add(3))',
    ],
    [mapSignature(add(), [1, 2]), '[proj.tasks.add(x) for x in [1, 2]]'],
    [starmapSignature(add(), [[1, 2]]), '[proj.tasks.add(*x) for x in [[1, 2]]]'],
    [chunksSignature(add(), [[1, 2]], 1), 'celery.chunks(task=proj.tasks.add(), it=[[1, 2]], n=1)'],
    [
      C([add(1, 1), D([add(2), mul(3)], tsum())]),
      'proj.tasks.add(1, 1) | %tsum([add(2), other.mul(3)])',
    ],
    [taskSignature('plain'), 'plain()'],
  ] as const) {
    test(`is ${text}`, () => {
      assert.equal(signatureText(signature), text);
    });
  }

  test('is short however much there is in it', () => {
    const text = signatureText(add('x'.repeat(100_000)));

    assert.ok(text.length < 2000, `${text.length} characters`);
  });
});
