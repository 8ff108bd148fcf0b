import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { isApp } from '../../../../src/app/loading/brand.ts';
import { loadModule } from '../../../../src/app/loading/load-module.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** A project with the library installed in its compiled form, as users have it. */
function projectWithLibrary(t: TestContext, files: Record<string, string>): string {
  const cwd = temporaryProject(t, {
    ...files,
    'node_modules/tscelery/package.json':
      '{"name":"tscelery","type":"module","exports":{".":"./dist/index.js"}}',
    'node_modules/tscelery/dist/index.js':
      "export class Celery { [Symbol.for('tscelery.app')] = true; }\nglobalThis.loads = (globalThis.loads ?? 0) + 1;\n",
    'run.js': `
      import { Celery } from 'tscelery';
      import { findApp } from './node_modules/tscelery/dist/find-app.js';
      try {
        const app = await findApp(process.argv[2]);
        console.log(JSON.stringify({ same: app instanceof Celery, loads: globalThis.loads, ...app }));
      } catch (error) {
        console.log(error.message);
      }`,
  });
  // side by side with everything else, as in the build
  buildSync({
    entryPoints: [join(ROOT, 'src/app/loading/find-app.ts')],
    outfile: join(cwd, 'node_modules/tscelery/dist/find-app.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
  symlinkSync(join(ROOT, 'node_modules/jiti'), join(cwd, 'node_modules/jiti'));
  return cwd;
}

function run(cwd: string, spec: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, ['run.js', spec], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return stdout + stderr;
}

describe('module', () => {
  test('TypeScript, JavaScript and CommonJS are loaded, the same instance each time', async t => {
    const cwd = temporaryProject(t, {
      'a.ts': 'export const marker: object = {};',
      'b.mjs': 'export const marker = {};',
      'c.cjs': 'exports.marker = {};',
    });

    for (const file of ['a.ts', './b.mjs', 'c']) {
      const first = await loadModule(file, cwd);
      const second = await loadModule(file, cwd);

      assert.equal(typeof first.marker, 'object');
      assert.equal(first.marker, second.marker);
    }
  });

  test('that imports this library from its sources shares its instances', async t => {
    const brand = join(ROOT, 'src/app/loading/brand.ts');
    const cwd = temporaryProject(t, {
      'app.ts': `import { isApp } from '${brand}'; export const theirs: unknown = isApp;`,
    });

    assert.equal((await loadModule('app', cwd)).theirs, isApp);
  });

  test('that is missing is an error with code and name', async t => {
    const cwd = temporaryProject(t, {});

    await assert.rejects(loadModule('nope', cwd), {
      code: 'MODULE_LOAD',
      module: 'nope',
      missing: true,
    });
  });

  test('that throws something else than an error is still reported', async t => {
    const cwd = temporaryProject(t, { 'odd.js': 'throw "just text"' });

    await assert.rejects(loadModule('odd', cwd), {
      missing: false,
      message: 'While trying to load the module odd the following error occurred:\njust text',
    });
  });
});

describe('a module that cannot be loaded', () => {
  test('because it throws an object without prototype is still reported', async t => {
    const cwd = temporaryProject(t, {
      'odd.js': 'throw Object.assign(Object.create(null), { a: 1 })',
    });

    await assert.rejects(loadModule('odd', cwd), {
      message: /following error occurred:\n\[Object: null prototype\] \{ a: 1 \}/,
    });
  });

  test('because it and another one import each other, tells how to part them', async t => {
    const cwd = temporaryProject(t, {
      'celery.js': "import './tasks.js'; export const app = { task() {} };",
      'tasks.js': "import { app } from './celery.js'; app.task('t');",
    });

    await assert.rejects(loadModule('celery', cwd), {
      message: /tasks\.js and celery\.js import each other.*include: \['\.\/tasks\.js'\]/,
    });
  });

  test('because its own code has a fault, gets no such advice', async t => {
    const cwd = temporaryProject(t, {
      'celery.js': "import './tasks.js'; export const app = {};",
      'tasks.js': 'undefined.task();',
    });

    const error = await loadModule('celery', cwd).catch(caught => caught as Error);
    assert.doesNotMatch((error as Error).message, /import each other/);
  });
});

describe('module loaded by the compiled library under plain Node', () => {
  test('TypeScript with types, enums and awaits gets the same library', t => {
    const cwd = projectWithLibrary(t, {
      'src/celery.ts': `
        import { Celery } from 'tscelery';
        import { level } from './level.ts';
        import { wrapped } from './wrapped.js';
        export class App extends Celery { level: number = level; wrapped = wrapped; }
        export const app: Celery = await Promise.resolve(new App());`,
      'src/level.ts': 'enum Level { low = 3 }\nexport const level: Level = Level.low;',
      'src/wrapped.js': "import { Celery } from 'tscelery'; export const wrapped = Celery.name;",
    });

    assert.deepEqual(JSON.parse(run(cwd, './src/celery.ts:app')), {
      same: true,
      loads: 1,
      level: 3,
      wrapped: 'Celery',
    });
  });

  test('JavaScript that imports TypeScript is loaded too', t => {
    const cwd = projectWithLibrary(t, {
      'app.js':
        "import { Celery } from 'tscelery'; import { n } from './n.ts'; export const app = new Celery(); app.n = n;",
      'n.ts': 'export const n: number = 4;',
    });

    assert.deepEqual(JSON.parse(run(cwd, 'app')), { same: true, loads: 1, n: 4 });
  });

  test('paths of the tsconfig.json are followed', t => {
    const cwd = projectWithLibrary(t, {
      'tsconfig.json': '{"compilerOptions":{"paths":{"@/*":["./src/*"]}}}',
      'src/n.ts': 'export const n: number = 5;',
      'app.ts':
        "import { Celery } from 'tscelery'; import { n } from '@/n'; export const app = Object.assign(new Celery(), { n });",
    });

    assert.deepEqual(JSON.parse(run(cwd, 'app')), { same: true, loads: 1, n: 5 });
  });

  test('a tsconfig.json that cannot be read does not matter', t => {
    const cwd = projectWithLibrary(t, {
      'tsconfig.json': '{"extends":"./missing.json"}',
      'app.ts': "import { Celery } from 'tscelery'; export const app: object = new Celery();",
    });

    assert.deepEqual(JSON.parse(run(cwd, 'app')), { same: true, loads: 1 });
  });

  test('a module that waits for ever at its top level is an error', t => {
    const waits = 'export const app = await new Promise(() => {});';
    const cwd = projectWithLibrary(t, { 'waits.ts': waits, 'waits.js': waits });

    for (const name of ['waits.ts', 'waits.js']) {
      assert.match(
        run(cwd, name),
        /waits at its top level \(await\) for something that never comes/,
      );
    }
  });

  test('errors name file and line of the TypeScript source', t => {
    const cwd = projectWithLibrary(t, {
      'throws.ts':
        'interface A {\n  a: number;\n}\n\nthrow new Error("at line 5");\nexport const a: A = { a: 1 };\n',
      'broken.ts': 'const a = 1;\nconst b = {{;\n',
      'broken.js': 'const a = 1;\nconst b = {{;\n',
      'missing.ts': "import './gone.ts';\n",
    });

    assert.match(run(cwd, 'throws'), /Error: at line 5\n[\s\S]*throws\.ts:5/);
    assert.match(run(cwd, 'broken.ts'), /broken\.ts:2/);
    assert.match(run(cwd, 'broken.js'), /broken\.js:2/);
    assert.match(run(cwd, 'missing'), /While trying to load the module missing [\s\S]*gone\.ts/);
  });
});
