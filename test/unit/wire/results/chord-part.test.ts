import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  chordKeys,
  chordPartFields,
  chordPartHead,
  chordPartTuple,
} from '../../../../src/wire/results/chord-part.ts';
import { jsonEncode } from '../../../../src/wire/serializers/json.ts';

const python = (value: unknown) => jsonEncode(value, { spacing: 'python' });

describe('a part of a chord', () => {
  it('is the list that Python writes, and comes back from it', () => {
    const part = { taskId: 'a', status: 'FAILURE', result: { exc_type: 'E' } };

    assert.deepEqual(chordPartTuple(part), [1, 'a', 'FAILURE', { exc_type: 'E' }]);
    assert.deepEqual(chordPartFields(chordPartTuple(part)), part);
  });

  for (const other of [
    null,
    'text',
    {},
    [],
    [1, 'a', 'SUCCESS'],
    [1, 2, 'SUCCESS', 3],
    [1, 'a', 2, 3],
  ]) {
    it(`is not ${python(other)}`, () => {
      assert.throws(() => chordPartFields(other), { name: 'DecodeError' });
    });
  }

  it('begins alike for one task, and differently for an id that begins so', () => {
    const text = (taskId: string, result: unknown) =>
      python(chordPartTuple({ taskId, status: 'SUCCESS', result }));
    const head = chordPartHead(text('a"é', 1), 'a"é', python);

    assert.equal(head, '[1, "a\\"\\u00e9", ');
    assert.ok(text('a"é', 'another').startsWith(head));
    assert.ok(!text('a"éb', 1).startsWith(head));
  });

  it('tells nothing of its task by its beginning in another form', () => {
    assert.equal(chordPartHead('[1,"a","SUCCESS",1]', 'a', python), '');
  });

  it('lies under keys beside that of its group', () => {
    assert.deepEqual(chordKeys('g', 'pre:'), {
      parts: 'pre:celery-taskset-meta-g.j',
      size: 'pre:celery-taskset-meta-g.s',
      grown: 'pre:celery-taskset-meta-g.t',
    });
  });
});
