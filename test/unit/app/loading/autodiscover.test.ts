import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Celery } from '../../../../src/index.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

/** A module that writes its name down when it is loaded. */
const module = (name: string) => `(globalThis.discovered ??= []).push('${name}');`;

const PROJECT = {
  'billing/tasks.mjs': module('billing/tasks'),
  'billing/jobs.mjs': module('billing/jobs'),
  'shop/orders/tasks.mjs': module('shop/orders/tasks'),
  'mail/tasks/index.mjs': module('mail/tasks'),
  'empty/other.mjs': module('empty/other'),
  'broken/tasks.mjs': 'import "./nowhere.mjs";',
  'single.mjs': module('single'),
};

/** The modules that are loaded after `autodiscoverTasks` with these arguments. */
async function discovered(
  t: TestContext,
  packages: readonly string[] | (() => readonly string[]),
  options: { relatedName?: string } = {},
): Promise<string[]> {
  const cwd = temporaryProject(t, PROJECT);
  const app = new Celery('proj');
  const shared = globalThis as { discovered?: string[] };
  shared.discovered = [];
  app.autodiscoverTasks(packages, { ...options, cwd });
  assert.deepEqual(shared.discovered, [], 'nothing is loaded before it is needed');
  await app.importModules([], cwd);
  return shared.discovered;
}

describe('autodiscoverTasks', () => {
  it('imports the module tasks of each package, in order', async t => {
    assert.deepEqual(await discovered(t, ['mail', 'billing']), ['mail/tasks', 'billing/tasks']);
  });

  it('takes packages with dots, slashes and as paths', async t => {
    assert.deepEqual(await discovered(t, ['shop.orders']), ['shop/orders/tasks']);
    assert.deepEqual(await discovered(t, ['shop/orders']), ['shop/orders/tasks']);
    assert.deepEqual(await discovered(t, ['./billing']), ['billing/tasks']);
  });

  it('imports another module when it is told its name', async t => {
    assert.deepEqual(await discovered(t, ['billing'], { relatedName: 'jobs' }), ['billing/jobs']);
  });

  it('imports the packages themselves when the name is empty', async t => {
    assert.deepEqual(await discovered(t, ['single'], { relatedName: '' }), ['single']);
  });

  it('asks a function for the packages when they are needed', async t => {
    assert.deepEqual(await discovered(t, () => ['billing']), ['billing/tasks']);
  });

  it('leaves out packages without such a module', async t => {
    assert.deepEqual(await discovered(t, ['empty', 'billing']), ['billing/tasks']);
  });

  it('fails for a package that does not exist', async t => {
    await assert.rejects(discovered(t, ['biling']), {
      code: 'MODULE_LOAD',
      message: /The package biling was not found/,
    });
  });

  it('fails when a module cannot be loaded', async t => {
    await assert.rejects(discovered(t, ['broken']), {
      code: 'MODULE_LOAD',
      message: /broken\/tasks[\s\S]*nowhere\.mjs/,
    });
  });

  it('comes before the modules of imports and include', async t => {
    const cwd = temporaryProject(t, PROJECT);
    const app = new Celery('proj', { imports: ['./single.mjs'], include: ['./empty/other.mjs'] });
    const shared = globalThis as { discovered?: string[] };
    shared.discovered = [];
    app.autodiscoverTasks(['billing'], { cwd });

    await app.importModules(['./mail/tasks/index.mjs'], cwd);

    assert.deepEqual(shared.discovered, ['billing/tasks', 'single', 'empty/other', 'mail/tasks']);
  });
});
