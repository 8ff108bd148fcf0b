import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { COMMANDS } from '../../src/cli/command-table.ts';
import { type CliOptions, runCli } from '../support/cli.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

/** Each test waits for a process of its own. */
const SIDE_BY_SIDE = { concurrency: 3 };

/** A wrong command line: exit code 2, nothing on stdout, and this on stderr. */
async function refuses(args: readonly string[], stderr: string, options: CliOptions = {}) {
  const result = await runCli(args, options);
  assert.equal(result.stderr, `${stderr}\n`);
  assert.equal(result.stdout, '');
  assert.equal(result.code, 2);
}

function frame(usage: string, command: string, error: string): string {
  return `Usage: tscelery ${usage}\nTry 'tscelery${command} --help' for help.\n\nError: ${error}`;
}
const globalFrame = (error: string) => frame('[OPTIONS] COMMAND [ARGS]...', '', error);

describe('version', () => {
  it('--version prints number and name', async () => {
    const result = await runCli(['--version']);

    assert.deepEqual(result, {
      code: 0,
      signal: null,
      stdout: `${version} (tscelery)\n`,
      stderr: '',
    });
  });

  it('--version wins over what follows and over other global options', async () => {
    const first = await runCli(['--version', 'nosuch']);
    const later = await runCli(['-A', 'nope', '--version']);

    assert.equal(first.stdout, `${version} (tscelery)\n`);
    assert.equal(later.stdout, `${version} (tscelery)\n`);
    assert.equal(later.code, 0);
  });
});

describe('help', SIDE_BY_SIDE, () => {
  const noNetwork = ['--import', new URL('../fixtures/no-network.mjs', import.meta.url).href];
  const deadBroker = { CELERY_BROKER_URL: 'redis://127.0.0.1:1/0' };

  it('without arguments the commands are listed', async () => {
    const result = await runCli([]);

    assert.equal(result.code, 0);
    for (const { name } of COMMANDS) assert.match(result.stdout, new RegExp(`^ {2}${name} `, 'm'));
  });

  for (const command of [undefined, ...COMMANDS]) {
    const words = [...(command ? [command.name] : []), '--help'];

    it(`${words.join(' ')} names every option and opens no connection`, async () => {
      const result = await runCli(words, { nodeOptions: noNetwork, env: deadBroker });

      assert.equal(result.code, 0, result.stderr);
      assert.equal(result.stderr, '');
      assert.match(result.stdout, /^Usage: tscelery /);
      for (const option of Object.values(command?.options ?? {})) {
        for (const flag of option.flags) assert.ok(result.stdout.includes(flag), flag);
      }
    });
  }

  it('the fixture that forbids connections does its work', async () => {
    const result = await runCli(['purge', '-f'], { nodeOptions: noNetwork, env: deadBroker });

    assert.match(result.stderr, /connection opened/);
  });
});

describe('wrong command line', SIDE_BY_SIDE, () => {
  it('an unknown option of a command is shown below its usage', () =>
    refuses(
      ['worker', '--concurency=3'],
      frame(
        'worker [OPTIONS] [SETTING=VALUE]...',
        ' worker',
        'No such option: --concurency Did you mean --concurrency?',
      ),
    ));

  it('an unknown command is refused with the nearest one', () =>
    refuses(
      ['wrker'],
      globalFrame("No such command 'wrker'.\n\nDid you mean one of these?\n    worker"),
    ));

  it('a setting word that is none is refused with the reason', async () => {
    const unknown = await runCli(['worker', 'worker.concurency=3']);
    const noValue = await runCli(['worker', 'concurrency']);
    const wrong = await runCli(['worker', '.concurrency=many']);

    for (const { code, stderr } of [unknown, noValue, wrong]) {
      assert.equal(code, 2);
      assert.match(
        stderr,
        /Error: Unable to parse extra configuration from command line\.\nReason: /,
      );
    }
    assert.match(unknown.stderr, /worker_concurrency/);
    assert.match(wrong.stderr, /many/);
  });
});

describe('app', SIDE_BY_SIDE, () => {
  const appFrame = (lines: string) => globalFrame(`Invalid value for '-A' / '--app':\n${lines}`);

  it('a module that does not exist is named', () =>
    refuses(
      ['-A', 'nope', 'report'],
      appFrame('Unable to load celery application.\nThe module nope was not found.'),
      { cwd: '/' },
    ));

  it('an attribute that does not exist is named', async t => {
    const cwd = temporaryProject(t, { 'proj.js': 'export const a = 1;' });

    const { code, stderr } = await runCli(['-A', 'proj:nope', 'report'], { cwd });

    assert.equal(code, 2);
    assert.match(stderr, /The module proj:nope was not found\./);
  });

  it('a module without app is refused', async t => {
    const cwd = temporaryProject(t, { 'proj.js': 'export const a = 1;' });

    const { code, stderr } = await runCli(['-A', 'proj', 'report'], { cwd });

    assert.equal(code, 2);
    assert.match(stderr, /Module 'proj' has no attribute 'celery'/);
  });

  it('an attribute that is no app is refused', async t => {
    const cwd = temporaryProject(t, { 'proj.js': 'export const a = 1;' });

    const { code, stderr } = await runCli(['-A', 'proj:a', 'report'], { cwd });

    assert.equal(code, 2);
    assert.match(stderr, /'proj:a' is no Celery app but a number/);
  });

  it("an error in the user's file is shown with its place", async t => {
    const cwd = temporaryProject(t, {
      'broken.js': 'export const x = ;\n',
      'throws.js': 'throw new Error("kaput");\n',
    });

    const broken = await runCli(['-A', 'broken', 'report'], { cwd });
    const throws = await runCli(['-A', 'throws', 'report'], { cwd });

    assert.equal(broken.code, 2);
    assert.match(broken.stderr, /While trying to load the module broken the following error/);
    assert.match(broken.stderr, /broken\.js/);
    assert.equal(throws.code, 2);
    assert.match(throws.stderr, /kaput[\s\S]*throws\.js:1/);
  });

  it('a working directory that does not exist is refused', () =>
    refuses(
      ['--workdir', '/nonexistent', 'report'],
      globalFrame("Invalid value for '--workdir': Directory '/nonexistent' does not exist."),
    ));
});

describe('settings file', SIDE_BY_SIDE, () => {
  it('a wrong key is named with the nearest one, in one line', async t => {
    const cwd = temporaryProject(t, {
      'celeryconfig.json': '{"task_default_queu": "x"}',
    });

    const { code, stderr } = await runCli(['report'], { cwd });

    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*task_default_queu.*task_default_queue.*\n$/);
  });

  it('a value of the wrong type is named', async t => {
    const cwd = temporaryProject(t, { 'celeryconfig.json': '{"worker_concurrency": "two"}' });

    const { code, stderr } = await runCli(['report'], { cwd });

    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*worker_concurrency.*two.*\n$/);
  });
});
