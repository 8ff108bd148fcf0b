import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { SourceWatch } from '../../../../src/process/watching/source-watch.ts';
import { eventually } from '../../../support/eventually.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

function setup(t: TestContext) {
  const folder = temporaryProject(t, {
    'tasks.ts': '1',
    'deep/er/mod.js': '1',
    'node_modules/pkg/index.js': '1',
    '.cache/x.js': '1',
  });
  const seen: string[] = [];
  const watch = new SourceWatch([folder], file => seen.push(file.slice(folder.length + 1)));
  t.after(() => watch.close());
  return { folder, seen, write: (name: string) => writeFileSync(join(folder, name), '2') };
}

describe('source watch', () => {
  for (const name of ['tasks.ts', 'deep/er/mod.js', 'new.mts', 'deep/celeryconfig.yaml']) {
    it(`tells that ${name} changed`, async t => {
      const { seen, write } = setup(t);

      write(name);

      await eventually(() => assert.deepEqual(seen, [name]));
    });
  }

  it('tells once of several changes in a row', async t => {
    const { seen, write } = setup(t);

    for (const name of ['a.ts', 'b.ts', 'tasks.ts']) write(name);
    await eventually(() => assert.equal(seen.length, 1));
    write('later.ts');

    await eventually(() => assert.deepEqual(seen.slice(1), ['later.ts']));
  });

  it('sees files in folders that are made later, and files that are moved into place', async t => {
    const { folder, seen, write } = setup(t);

    mkdirSync(join(folder, 'later'));
    write('later/mod.ts');
    await eventually(() => assert.deepEqual(seen, ['later/mod.ts']));
    write('later/mod.ts~');
    renameSync(join(folder, 'later/mod.ts~'), join(folder, 'later/mod.ts'));

    await eventually(() => assert.deepEqual(seen, ['later/mod.ts', 'later/mod.ts']));
  });

  it('does not care for packages, hidden folders, databases and logs', async t => {
    const { seen, write } = setup(t);

    for (const name of ['node_modules/pkg/index.js', '.cache/x.js', 'celery.sqlite', 'w.log']) {
      write(name);
    }
    write('tasks.ts');

    await eventually(() => assert.deepEqual(seen, ['tasks.ts']));
  });
});
