import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { findApp } from '../../../../src/app/loading/find-app.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

/** Source of an export that is recognised as an app and knows its name. */
function app(name: string): string {
  return `{ main: '${name}', [Symbol.for('tscelery.app')]: true }`;
}

const FILES = {
  'proj.ts': `export const app: object = ${app('proj.app')}; export const add = (x: number) => x;`,
  'exports-celery.mjs': `export const celery = ${app('celery')}; export const another = ${app('another')};`,
  'exports-default.js': `export default ${app('default')};`,
  'other-name.mts': `export const thing = 1; export const worker: object = ${app('worker')};`,
  'common.cjs': `module.exports = { celery: ${app('common')} };`,
  'not-app-first.ts': `export const app = 5; export const celery: object = ${app('second')};`,
  'nothing.ts': 'export const add = 1; export const sub = 2;',
  'empty.js': '',
  'folder/celery.ts': `export const app: object = ${app('folder')};`,
  'pkg/index.ts': 'export const version = 1;',
  'pkg/celery.ts': `export const app: object = ${app('pkg')};`,
  'pkg/tasks.js': `export const app = ${app('pkg.tasks')};`,
  'bare/index.js': `export const celery = ${app('bare')};`,
  'node_modules/installed/package.json':
    '{"name":"installed","type":"module","exports":{"import":"./main.js"}}',
  'node_modules/installed/main.js': `export const app = ${app('installed')};`,
  'broken.js': 'export const app = {\n  oops oops\n};',
  'broken-ts.ts': 'export const app: object = {\n  oops oops\n};',
  'throws.ts': 'const a: number = 1;\n\nthrow new Error("no such table");\n',
  'missing-import.ts': "import './not-there.ts';\n",
  'missing-package.js': "import 'not-installed';\n",
  'deep.js': "import './broken.js';\n",
};

async function found(t: TestContext, spec: string): Promise<unknown> {
  const cwd = temporaryProject(t, FILES);
  return ((await findApp(spec.replace('<cwd>', cwd), { cwd })) as { main: unknown }).main;
}

async function failure(t: TestContext, spec: string): Promise<string> {
  const cwd = temporaryProject(t, FILES);
  const error = await findApp(spec, { cwd }).then(
    () => assert.fail('an app was found'),
    (reason: unknown) => reason as Error & { code: string },
  );
  assert.equal(error.code, 'APP_NOT_FOUND');
  return error.message.replaceAll(cwd, '<cwd>');
}

describe('app', () => {
  const specs: [string, string][] = [
    ['proj:app', 'proj.app'],
    ['proj', 'proj.app'],
    ['proj.app', 'proj.app'],
    ['proj.ts', 'proj.app'],
    ['./proj.ts:app', 'proj.app'],
    ['./proj', 'proj.app'],
    ['<cwd>/proj.ts:app', 'proj.app'],
    ['file://<cwd>/proj.ts', 'proj.app'],
    ['exports-celery', 'celery'],
    ['exports-celery:another', 'another'],
    ['exports-default', 'default'],
    ['exports-default:default', 'default'],
    ['other-name', 'worker'],
    ['common', 'common'],
    ['common:celery', 'common'],
    ['not-app-first', 'second'],
    ['folder', 'folder'],
    ['pkg', 'pkg'],
    ['pkg.celery', 'pkg'],
    ['pkg/celery.ts:app', 'pkg'],
    ['pkg.tasks', 'pkg.tasks'],
    ['pkg.tasks:app', 'pkg.tasks'],
    ['bare.celery', 'bare'],
    ['installed', 'installed'],
  ];
  for (const [spec, expected] of specs) {
    test(`is found by ${spec}`, async t => {
      assert.equal(await found(t, spec), expected);
    });
  }
});

describe('app that cannot be found', () => {
  test('a module that does not exist is named, with the nearest file', async t => {
    assert.equal(
      await failure(t, 'proy:app'),
      'Unable to load celery application.\nThe module proy was not found. Did you mean "./proj.ts"?',
    );
    assert.match(await failure(t, './pkg/taks.js'), /Did you mean "\.\/pkg\/tasks\.js"\?$/);
    assert.equal(
      await failure(t, 'entirely-different'),
      'Unable to load celery application.\nThe module entirely-different was not found.',
    );
  });

  test('a missing attribute is named, with the exports and the nearest of them', async t => {
    assert.equal(
      await failure(t, 'proj:ap'),
      'Unable to load celery application.\nThe module proj:ap was not found.\n' +
        `Module 'proj' has no attribute 'ap'. It exports: add, app. Did you mean "app"?`,
    );
    assert.match(await failure(t, 'proj.nope'), /^.*\nThe module proj\.nope was not found\./);
  });

  test('an attribute that is no app is called what it is', async t => {
    assert.equal(
      await failure(t, 'proj:add'),
      "Unable to load celery application.\n'proj:add' is no Celery app but a function. Apps there: app.",
    );
  });

  test('a module without any app lists its exports', async t => {
    assert.match(
      await failure(t, 'nothing'),
      /^Unable to load celery application\.\nModule 'nothing' has no attribute 'celery'\. It exports: add, sub\./,
    );
    assert.match(
      await failure(t, 'empty'),
      /Module 'empty' has no attribute 'celery'\. It exports nothing\./,
    );
  });

  test('a module that only uses the app is told where the app is', async t => {
    const cwd = temporaryProject(t, {
      'proj/celery.js': `export const app = { [Symbol.for('tscelery.app')]: true };`,
      'proj/tasks.js': "import { app } from './celery.js'; export const add = () => app;",
    });

    await assert.rejects(findApp('proj.tasks', { cwd }), {
      message:
        /It exports: add\..*celery\.js beside it exports one.*export \{ app \} from '\.\/celery\.js'/,
    });
  });

  test('a folder without a module that could hold an app is called a folder', async t => {
    const cwd = temporaryProject(t, { 'src/tasks.js': '' });

    for (const spec of ['src', './src']) {
      await assert.rejects(findApp(spec, { cwd }), {
        message: `Unable to load celery application.\n${spec} is a folder without index.ts or celery.ts. It holds: tasks.js.`,
      });
    }
  });

  test('an error inside the module is shown with file and line', async t => {
    const message = await failure(t, 'throws:app');

    assert.match(
      message,
      /^Unable to load celery application\.\nWhile trying to load the module throws the following error occurred:\nError: no such table\n/,
    );
    assert.match(message, /throws\.ts:3/);
  });

  for (const spec of ['broken', 'broken-ts']) {
    test(`a syntax error is shown with file and line (${spec})`, async t => {
      assert.match(
        await failure(t, spec),
        new RegExp(`While trying to load the module ${spec} [\\s\\S]*${spec}\\.[jt]s:2`),
      );
    });
  }

  test('a syntax error in a module it imports is shown with file and line', async t => {
    assert.match(
      await failure(t, 'deep'),
      /While trying to load the module deep [\s\S]*broken\.js:2/,
    );
  });

  test('something missing that the module imports is no missing module', async t => {
    for (const [spec, missing] of [
      ['missing-import', 'not-there.ts'],
      ['missing-package', 'not-installed'],
    ] as const) {
      const message = await failure(t, spec);

      assert.match(
        message,
        new RegExp(`While trying to load the module ${spec} [\\s\\S]*${missing}`),
      );
      assert.doesNotMatch(message, /The module \S+ was not found/);
    }
  });

  test('an empty name is said to be empty', async t => {
    assert.match(await failure(t, ' '), /The name of the app is empty/);
  });

  test("a name of one of Node's own modules finds nothing", async t => {
    assert.match(await failure(t, 'events'), /The module events was not found\./);
  });
});

test('the app is looked up in the working directory by default', async t => {
  const cwd = temporaryProject(t, FILES);

  await assert.rejects(findApp('proj'), /The module proj was not found/);
  assert.ok(await findApp(join(cwd, 'proj')));
});
