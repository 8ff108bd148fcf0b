import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { merged } from '../../../src/canvas/merge.ts';
import { taskSignature } from '../../../src/canvas/shapes.ts';

describe('a signature and the parts of a call', () => {
  const own = taskSignature('t', { args: [3], kwargs: { a: 1, b: 1 }, options: { queue: 'q' } });

  test('have the arguments of the call first, and its keywords and options on top', () => {
    const all = merged(own, {
      args: [1, 2],
      kwargs: { b: 2 },
      options: { queue: 'r', priority: 3 },
    });

    assert.deepEqual(
      [all.args, all.kwargs, all.options],
      [[1, 2, 3], { a: 1, b: 2 }, { queue: 'r', priority: 3 }],
    );
    assert.deepEqual([own.args, own.kwargs, own.options], [[3], { a: 1, b: 1 }, { queue: 'q' }]);
  });

  test('have only the options of the call when the signature is immutable', () => {
    const all = merged(
      { ...own, immutable: true },
      { args: [1], kwargs: { a: 2 }, options: { priority: 3 } },
    );

    assert.deepEqual(
      [all.args, all.kwargs, all.options],
      [[3], { a: 1, b: 1 }, { queue: 'q', priority: 3 }],
    );
  });

  test('keep the group and the stamps that the signature has', () => {
    const member = taskSignature('t', {
      options: { group_id: 'g', stamped_headers: ['tenant'], tenant: 1 },
    });

    const { options } = merged(member, {
      options: { group_id: 'h', stamped_headers: ['other'], tenant: 2, other: 2 },
    });

    assert.deepEqual(options, { group_id: 'g', stamped_headers: ['tenant'], tenant: 1, other: 2 });
  });

  test('take the group and the stamps of the call when the signature has none', () => {
    const { options } = merged(taskSignature('t', { options: { group_id: null } }), {
      options: { group_id: 'h', stamped_headers: ['tenant'], tenant: 2 },
    });

    assert.deepEqual(options, { group_id: 'h', stamped_headers: ['tenant'], tenant: 2 });
  });
});
