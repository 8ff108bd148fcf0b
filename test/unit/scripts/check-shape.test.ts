import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { faultsOf, shapesOf } from '../../../scripts/check-shape.ts';

const faults = (source: string) => shapesOf(source).flatMap(faultsOf);

describe('the shape of functions', () => {
  test('may have 45 lines, not 46', () => {
    const lines = (count: number) => `function f() {${'\n'.repeat(count - 1)}}`;

    assert.deepEqual(faults(lines(45)), []);
    assert.deepEqual(faults(lines(46)), ['46 lines (at most 45)']);
  });

  test('may have four parameters, not five', () => {
    assert.deepEqual(faults('const f = (a, b, c, d) => a;'), []);
    assert.match(faults('const f = (a, b, c, d, e) => a;').join(), /^5 parameters/);
  });

  test('may have twelve ways, and those of an inner function are its own', () => {
    const conditions = (count: number) => 'if (x) y();'.repeat(count);

    assert.deepEqual(faults(`function f() { ${conditions(11)} }`), []);
    assert.match(faults(`function f() { ${conditions(12)} }`).join(), /^13 ways/);
    assert.deepEqual(
      faults(`function f() { ${conditions(8)} const g = () => { ${conditions(8)} }; }`),
      [],
    );
  });
});
