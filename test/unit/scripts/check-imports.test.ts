import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { checkImports } from '../../../scripts/check-imports.ts';
import { temporaryProject } from '../../support/temporary-project.ts';

function problems(t: TestContext, files: Record<string, string>): string[] {
  const sources = Object.entries(files).map(([path, text]) => [`src/${path}`, text]);
  return checkImports(join(temporaryProject(t, Object.fromEntries(sources)), 'src'));
}

describe('imports', () => {
  test('to lower levels and within a folder are allowed', t => {
    const files = {
      'app/a.ts': "import { b } from './b.ts';\nimport type { X } from '../base/x.ts';",
      'app/b.ts': '',
      'base/x.ts': '',
    };

    assert.deepEqual(problems(t, files), []);
  });

  const refused: [string, Record<string, string>, RegExp][] = [
    [
      'upwards',
      { 'base/x.ts': "\nimport type { A } from '../app/a.ts';", 'app/a.ts': '' },
      /^src\/base\/x\.ts:2: import type .*\n {4}base \(level 0\) may not import app \(level 5\)$/,
    ],
    [
      'upwards and dynamic',
      { 'base/x.ts': "const a = await import('../app/a.ts');", 'app/a.ts': '' },
      /base \(level 0\) may not import app/,
    ],
    [
      'sideways',
      { 'canvas/x.ts': "export * from '../process/a.ts';", 'process/a.ts': '' },
      /canvas and process are on one level/,
    ],
    [
      'upwards inside a folder',
      { 'app/routing/x.ts': "import '../tasks/a.ts';", 'app/tasks/a.ts': '' },
      /app\/routing stands below app\/tasks/,
    ],
    [
      'from one room into another on its level',
      { 'messaging/redis/x.ts': "import '../sqlite/a.ts';", 'messaging/sqlite/a.ts': '' },
      /messaging\/redis and messaging\/sqlite are on one level/,
    ],
    [
      'in a file that has no level in its folder',
      { 'messaging/x.ts': '' },
      /messaging\/x\.ts has no level: add it to INNER/,
    ],
    [
      'in a folder that has no level',
      { 'attic/x.ts': '' },
      /src\/attic has no level: add it to LEVELS/,
    ],
    [
      'from a pool to anything but base',
      { 'pool/x.ts': "import '../wire/a.ts';", 'wire/a.ts': '' },
      /a pool moves opaque jobs/,
    ],
    [
      'from execute into a backend',
      { 'execute/x.ts': "import '../backends/redis.ts';", 'backends/redis.ts': '' },
      /execute knows the contract of backends/,
    ],
    ['of I/O in wire', { 'wire/x.ts': "import { readFile } from 'node:fs/promises';" }, /no I\/O/],
    ['of files that are not there', { 'wire/x.ts': "import './gone.ts';" }, /no such file/],
    [
      'in a circle',
      {
        'base/a.ts': "import './b.ts';",
        'base/b.ts': "import type { C } from './c.ts';",
        'base/c.ts': "import './a.ts';",
      },
      /^import cycle: base\/a\.ts → base\/b\.ts → base\/c\.ts → base\/a\.ts$/,
    ],
    ['through inner barrels', { 'app/index.ts': '' }, /index\.ts files exist only in/],
  ];
  for (const [what, files, message] of refused) {
    test(`${what} are refused`, t => {
      const found = problems(t, files);

      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0]!, message);
    });
  }
});
