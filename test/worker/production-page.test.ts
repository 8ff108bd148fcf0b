import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runCli, startCli } from '../support/cli.ts';
import { readPage } from '../support/doc-examples.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FROM_SOURCE = { TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') };

/** The page's project in a folder of its own, with tscelery and TypeScript installed. */
function setup(t: TestContext) {
  const cwd = temporaryProject(t, {});
  for (const [name, text] of filesOfPage()) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  mkdirSync(join(cwd, 'node_modules/@types'), { recursive: true });
  symlinkSync(ROOT, join(cwd, 'node_modules/tscelery'));
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(cwd, 'node_modules/@types/node'));
  return cwd;
}

function filesOfPage(): Map<string, string> {
  const { projects } = readPage(join(ROOT, 'docs/production.md'));
  return new Map(projects.flatMap(({ files }) => [...files]));
}

async function compile(cwd: string): Promise<void> {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc], { cwd });
}

describe('docs/production.md', { concurrency: 2 }, () => {
  for (const folder of ['src', 'dist']) {
    it(`the project runs from ${folder}`, async t => {
      const cwd = setup(t);
      await compile(cwd);
      const app = `${folder}/celery`;
      const worker = startCli(['-A', app, 'worker', '-l', 'INFO', '-c', '1'], {
        cwd,
        env: FROM_SOURCE,
      });
      t.after(() => {
        worker.kill('SIGTERM');
        return worker.ended();
      });
      await worker.sees(/ ready\./);

      const id = await runCli(['-A', app, 'call', 'shop.total', '-a', '[[3, 4.5]]'], { cwd });
      const { stdout } = await runCli(['-A', app, 'result', id.stdout.trim()], { cwd });

      assert.equal(stdout, '7.5\n');
    });
  }

  it('report finds a misspelt setting', async t => {
    const cwd = setup(t);
    writeFileSync(join(cwd, 'celeryconfig.json'), '{"result_expire": 3600}');

    const { code, stderr } = await runCli(['-A', 'src/celery', 'report'], { cwd });

    assert.match(stderr, /"result_expire".*"result_expires"/);
    assert.equal(code, 1);
  });
});
