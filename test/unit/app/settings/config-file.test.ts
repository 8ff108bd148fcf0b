import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  loadConfig,
  readConfig,
  readConfigFromEnv,
} from '../../../../src/app/settings/config-file.ts';
import { Settings } from '../../../../src/app/settings/settings.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

const EXAMPLE = new URL('../../../../celeryconfig.example.ts', import.meta.url).href;
const VALUES = { task_default_queue: 'found' };

describe('config file', () => {
  const files: [string, string][] = [
    ['celeryconfig.ts', "export const task_default_queue: string = 'found';"],
    ['celeryconfig.mts', "export default { task_default_queue: 'found' as string };"],
    ['celeryconfig.js', "export default { task_default_queue: 'found' };"],
    ['celeryconfig.mjs', "export const task_default_queue = 'found';"],
    ['celeryconfig.cjs', "module.exports = { task_default_queue: 'found' };"],
    ['celeryconfig.json', '{"task_default_queue": "found"}'],
    ['celeryconfig.yaml', 'task_default_queue: found\n'],
    ['celeryconfig.yml', 'task_default_queue: found\n'],
    ['package.json', '{"type": "module", "celery": {"task_default_queue": "found"}}'],
  ];
  for (const [name, text] of files) {
    test(`${name} in the working directory is found`, async t => {
      const cwd = temporaryProject(t, { [name]: text });

      assert.deepEqual(await loadConfig({ cwd, env: {} }), { values: VALUES, origin: name });
    });
  }

  test('is optional, and only the working directory is searched', async t => {
    const cwd = temporaryProject(t, { 'celeryconfig.json': '{}', 'sub/package.json': '{}' });

    assert.equal(await loadConfig({ cwd: join(cwd, 'sub'), env: {} }), undefined);
  });

  test('named on the command line wins over the environment, and that over the search', async t => {
    const cwd = temporaryProject(t, {
      'celeryconfig.json': '{"task_default_queue": "searched"}',
      'a.json': '{"task_default_queue": "named"}',
      'b.js': "export const task_default_queue = 'environment';",
      'c.js': "export const task_default_queue = 'ours';",
    });
    const queueOf = async (options: { config?: string; env: Record<string, string> }) =>
      (await loadConfig({ cwd, ...options }))?.values.task_default_queue;

    assert.equal(
      await queueOf({ config: './a.json', env: { CELERY_CONFIG_MODULE: 'b' } }),
      'named',
    );
    assert.equal(await queueOf({ env: { CELERY_CONFIG_MODULE: 'b' } }), 'environment');
    assert.equal(
      await queueOf({ env: { CELERY_CONFIG_MODULE: 'b', TSCELERY_CONFIG_MODULE: 'c' } }),
      'ours',
    );
    assert.equal(await queueOf({ env: {} }), 'searched');
  });

  test('celeryconfig.example.ts holds settings that are accepted', async () => {
    const conf = new Settings({}, { env: {} });

    conf.setSource(await readConfig(EXAMPLE));

    assert.equal(conf.task_time_limit, 600);
    assert.equal(conf.isGiven('broker_url'), true);
  });

  test('may be one attribute of a module', async t => {
    const cwd = temporaryProject(t, {
      'settings.ts':
        "export const dev: object = { task_default_queue: 'found' };\nexport const prod: object = {};",
    });

    assert.deepEqual((await readConfig('settings:dev', cwd)).values, VALUES);
    await assert.rejects(readConfig('settings:pro', cwd), {
      code: 'IMPROPERLY_CONFIGURED',
      message: /has no attribute 'pro'. It exports: dev, prod. Did you mean "prod"\?/,
    });
  });

  test('can be named by an environment variable, which must be set', async t => {
    const cwd = temporaryProject(t, { 'c.json': '{"task_default_queue": "found"}' });

    assert.deepEqual((await readConfigFromEnv('CONF', cwd, { CONF: 'c.json' })).values, VALUES);
    await assert.rejects(readConfigFromEnv('NOPE', cwd, {}), {
      code: 'IMPROPERLY_CONFIGURED',
      message:
        /^The environment variable 'NOPE' is not set, and as such the configuration could not be loaded\./,
    });
  });
});

describe('config file that cannot be used', () => {
  const cases: [string, string, Record<string, string>, RegExp][] = [
    [
      'a missing module',
      'celryconfig',
      { 'celeryconfig.js': '' },
      /The module celryconfig was not found\. Did you mean "\.\/celeryconfig\.js"\?/,
    ],
    ['a missing file', './conf.yaml', {}, /"\.\/conf\.yaml"\. The file does not exist\./],
    [
      'a syntax error',
      'conf',
      { 'conf.ts': 'export const a = 1;\nexport const = 5;\n' },
      /conf\.ts:2/,
    ],
    ['bad JSON', 'conf.json', { 'conf.json': '{"a": }' }, /conf\.json/],
    ['bad YAML', 'conf.yaml', { 'conf.yaml': 'a: [1,\nb: 2' }, /conf\.yaml/],
    [
      'an error while it runs',
      'conf',
      { 'conf.js': 'throw new Error("boom")' },
      /boom[\s\S]*conf\.js:1/,
    ],
    [
      'a list',
      'conf',
      { 'conf.js': 'export default [1]' },
      /conf must be a map of settings, but it is a list/,
    ],
    ['a function', 'conf', { 'conf.js': 'export default () => 1' }, /but it is a function/],
    ['Python', 'celeryconfig.py', {}, /is Python/],
  ];
  for (const [what, name, files, message] of cases) {
    test(`${what} is named`, async t => {
      const cwd = temporaryProject(t, files);

      await assert.rejects(readConfig(name, cwd), { code: 'IMPROPERLY_CONFIGURED', message });
    });
  }
});
