import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runCli, startCli } from '../support/cli.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const APP = `
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
app.task('proj.add', (x, y = 1) => x + y);
app.task('proj.bound', { bind: true }, (self, text, ...others) => text);
app.task('proj.keys', (x, { a, b: target, ...more } = {}) => x);
app.task('proj.odd', ([first], x = 1, last) => last);
app.task('proj.named', { params: ['class', 'b?', '**options'] }, (...all) => all);
app.task('proj.hidden', Math.max.bind(null));
app.task("it's", () => 1);
`;

async function withWorker(t: TestContext) {
  const cwd = temporaryProject(t, { 'tasks.js': APP });
  const worker = startCli(['-A', 'tasks', 'worker', '-P', 'solo', '-n', 'w@test', '-l', 'INFO'], {
    cwd,
  });
  t.after(() => {
    worker.kill('SIGTERM');
    return worker.ended();
  });
  await worker.sees(/ ready\./);
  return { cwd, run: (...args: string[]) => runCli(['-A', 'tasks', 'types', ...args], { cwd }) };
}

/** What the compiler says of a program beside the declarations. */
async function compile(cwd: string, code: string): Promise<string> {
  writeFileSync(join(cwd, 'use.ts'), code);
  const options = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      paths: { tscelery: [join(ROOT, 'src/index.ts')] },
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: ['use.ts', 'tasks.d.ts'],
  };
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(options));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  return promisify(execFile)(process.execPath, [tsc, '-p', cwd], { cwd }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
}

describe('types', { concurrency: 2 }, () => {
  it('declares the tasks that workers register with their parameters', async t => {
    const { run } = await withWorker(t);

    const { code, stdout, stderr } = await run();

    assert.deepEqual([code, stderr], [0, '']);
    const members = stdout.slice(stdout.indexOf('TaskRegistry {\n'), stdout.lastIndexOf('  }'));
    assert.deepEqual(members.split('\n').slice(1, -1), [
      `    "it's"(): unknown;`,
      "    'proj.add'(x: unknown, y?: unknown): unknown;",
      "    'proj.bound'(text: unknown, ...rest: unknown[]): unknown;",
      "    'proj.hidden'(...args: unknown[]): unknown;",
      "    'proj.keys'(x: unknown, options?: { a?: unknown; b?: unknown; [name: string]: unknown }): unknown;",
      "    'proj.named'(class_: unknown, b?: unknown, options?: { [name: string]: unknown }): unknown;",
      "    'proj.odd'(arg1: unknown, x: unknown, last: unknown): unknown;",
    ]);
  });

  it('writes a file with which the compiler finds wrong calls', async t => {
    const { cwd, run } = await withWorker(t);

    const { code, stdout, stderr } = await run('--output', 'tasks.d.ts', '-d', 'w@test');
    const report = await compile(
      cwd,
      [
        "import { Celery, type TaskRegistry } from 'tscelery';",
        'const app = new Celery();',
        "await app.sendTask('proj.add', [1]);",
        "const add = app.remoteTask<TaskRegistry['proj.add']>('proj.add');",
        'await add.delay(1, 2);',
        'await add.delay(1, 2, 3);',
        "await app.sendTask('proj.add', []);",
      ].join('\n'),
    );

    assert.deepEqual([code, stdout], [0, '']);
    assert.equal(stderr, 'Wrote 7 tasks to tasks.d.ts.\n');
    assert.deepEqual(
      [...report.matchAll(/^use\.ts\((\d+),/gm)].map(([, line]) => line),
      ['6', '7'],
      report,
    );
  });

  it('leaves the file alone when no worker answers', async t => {
    const { cwd, run } = await withWorker(t);
    writeFileSync(join(cwd, 'old.d.ts'), 'old');

    const { code, stderr } = await run('-o', 'old.d.ts', '-d', 'nobody@test', '-t', '0.1');
    const impossible = await run('-o', 'no/where.d.ts');

    assert.equal(code, 69);
    assert.match(stderr, /No nodes replied within time constraint/);
    assert.equal(readFileSync(join(cwd, 'old.d.ts'), 'utf8'), 'old');
    assert.equal(impossible.code, 1);
    assert.match(impossible.stderr, /Cannot write no\/where\.d\.ts: ENOENT/);
    assert.ok(!existsSync(join(cwd, 'no')));
  });
});
