import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { groupFiles } from '../../../scripts/test-groups.ts';

const isSmall = (file: string) => file.startsWith('test/unit/');

async function grouped(t: TestContext, files: readonly string[]) {
  const groups = await groupFiles(files, isSmall);
  t.after(() => groups.remove().catch(() => {}));
  return groups;
}

const importsOf = (entry: string) =>
  [...readFileSync(entry, 'utf8').matchAll(/import "file:\/\/.*\/(test\/unit\/.*)";/g)].map(
    ([, file]) => file,
  );

describe('test files that are small', () => {
  const small = Array.from({ length: 40 }, (_, i) => `test/unit/made-${i}.test.ts`);

  it('run up to sixteen to a process, each of them once, after all others', async t => {
    const { files } = await grouped(t, [small[0]!, 'test/worker/a.test.ts', ...small.slice(1)]);

    assert.equal(files[0], 'test/worker/a.test.ts');
    const members = files.slice(1).map(importsOf);
    assert.deepEqual(
      members.map(({ length }) => length),
      [16, 16, 8],
    );
    assert.deepEqual(members.flat(), small);
  });

  it('are left as they are when there is one', async t => {
    const files = ['test/worker/a.test.ts', small[0]!];

    assert.deepEqual((await grouped(t, files)).files, files);
  });

  it('leave no entries behind', async t => {
    const { files, remove } = await grouped(t, small);
    assert.ok(files.every(existsSync));

    await remove();

    assert.ok(!files.some(existsSync));
  });
});
