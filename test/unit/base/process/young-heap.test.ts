import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { TYPESCRIPT } from '../../../support/typescript.ts';

const MODULE = import.meta.resolve('../../../../src/base/process/young-heap.ts');

/** MiB of young generation after much garbage: while it is held, and after that. */
function youngHeaps(): { held: number; released: number; old: number } {
  const code = `
    import { getHeapSpaceStatistics } from 'node:v8';
    const { holdYoungHeap } = await import(${JSON.stringify(MODULE)});
    const size = name => getHeapSpaceStatistics().find(s => s.space_name === name).space_size / 2 ** 20;
    let keep = [];
    const litter = () => {
      for (let i = 0; i < 3e6; i++) {
        keep.push({ i });
        if (keep.length > 50_000) keep = [];
      }
    };
    const release = holdYoungHeap();
    litter();
    const held = size('new_space');
    release();
    const old = typeof gc;
    litter();
    console.log(JSON.stringify({ held, released: size('new_space'), old }));`;
  const args = [...TYPESCRIPT, '--input-type=module', '-e', code];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('the young heap of a child does not grow while it is held, and grows when it is needed', () => {
  const { held, released, old } = youngHeaps();

  assert.ok(held <= 8, `${held} MiB`);
  assert.ok(released > 2 * held, `${released} MiB`);
  assert.equal(old, 'undefined', 'gc is not left to the code of tasks');
});
