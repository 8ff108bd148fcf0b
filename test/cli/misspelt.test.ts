/** Settings with a slip, as somebody sees them who starts a worker. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runCli } from '../support/cli.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const MISSPELT = [
  ["result_serializer: 'josn'", /Setting result_serializer: .*Did you mean "json"\?/],
  ["task_routes: {'feed.*': {queu: 'feeds'}}", /"queu".*Did you mean "queue"\?/],
] as const;

for (const [setting, message] of MISSPELT) {
  it(`a worker with ${setting} ends before it takes a message, and says why`, async t => {
    const cwd = temporaryProject(t, {
      'app.ts': `import { Celery } from ${JSON.stringify(program.library)};
        export const app = new Celery('proj', { broker: 'memory://', ${setting} });`,
    });

    const { code, stdout, stderr } = await runCli(['-A', 'app', 'worker', '-P', 'solo'], { cwd });

    assert.equal(code, 1);
    assert.match(stdout + stderr, message);
    assert.doesNotMatch(stdout + stderr, / ready\./);
  });
}

it('a worker whose app does not wait for a config that is missing says so, without a stack', async t => {
  const cwd = temporaryProject(t, {
    'app.ts': `import { Celery } from ${JSON.stringify(program.library)};
      export const app = new Celery('proj');
      app.configFromObject('celeryconfg');`,
  });

  const { code, stdout, stderr } = await runCli(['-A', 'app', 'worker', '-P', 'solo'], { cwd });

  assert.equal(code, 1);
  assert.match(stderr, /celeryconfg was not found/);
  assert.doesNotMatch(stdout + stderr, /\n {4}at |sqlite/);
});

it('an app that APP in the environment names and that is missing is told with that source', async t => {
  const cwd = temporaryProject(t, {});

  const { code, stderr } = await runCli(['report'], { cwd, env: { APP: 'nowhere' } });

  assert.equal(code, 2);
  assert.match(stderr, /Invalid value for '-A' \/ '--app' \(environment variable APP\):/);
});

it('an app that never stops loading is an error with a sentence', async t => {
  const cwd = temporaryProject(t, { 'app.ts': 'export const app = await new Promise(() => {});' });

  const { code, stderr } = await runCli(['-A', 'app', 'report'], { cwd });

  assert.equal(code, 2);
  assert.match(stderr, /waits at its top level \(await\) for something that never comes/);
});
