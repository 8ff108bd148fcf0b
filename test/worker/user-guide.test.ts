/**
 * Runs the programs of the user guide: each section's files are loaded, its app gets a worker of
 * the test kit, and its programs must print what the page shows. Time runs faster for them.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format, promisify } from 'node:util';
import type { Celery } from '../../src/index.ts';
import { FakeClock, startTestWorker } from '../../src/testing/index.ts';
import { type DocProject, printsAsShown, readPage } from '../support/doc-examples.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = [
  ...['application', 'tasks', 'calling', 'canvas', 'routing', 'periodic', 'workers'],
  ...['from-celery', 'from-bullmq', 'web-server'],
]
  .map(name => `docs/user-guide/${name}.md`)
  .concat('docs/control.md');
/** Pages with tests, and how many. */
const TESTS = [
  ['docs/testing.md', 4],
  ['docs/mocking.md', 2],
] as const;
/** Seconds that pass for tasks in each millisecond of a program. */
const SPEED = 2;

const pages = PAGES.map(path => ({ path, ...readPage(join(ROOT, path)) }));

/** Writes the files of a project and its programs; returns the folder. */
function write(folder: string, { files, programs }: DocProject): string[] {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return programs.map(({ code }, i) => {
    const path = join(folder, `program-${i + 1}.ts`);
    writeFileSync(path, code.includes('import') ? code : `${code}export {};\n`);
    return path;
  });
}

const isTest = (file: string) => file.endsWith('.test.ts');
const load = (path: string) => import(pathToFileURL(path).href) as Promise<{ app?: Celery }>;

/** What `console.log` prints while `body` runs. */
async function printed(body: () => Promise<unknown>): Promise<string> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (...words: unknown[]) => void lines.push(format(...words));
  try {
    await body();
  } finally {
    console.log = log;
  }
  return lines.join('\n');
}

/** Starts a worker for the app of the project, if it has one, with a clock that hurries. */
async function startWorker(t: TestContext, folder: string, { files }: DocProject): Promise<void> {
  for (const name of files.keys()) {
    if (!/\.ts$/.test(name)) continue;
    const { app } = await load(join(folder, name));
    if (!app) continue;
    const clock = new FakeClock();
    const worker = await startTestWorker(app, { clock });
    const hurry = setInterval(() => clock.advance(SPEED), 1);
    t.after(async () => {
      clearInterval(hurry);
      await worker.stop();
    });
    return;
  }
}

async function runProject(t: TestContext, project: DocProject): Promise<void> {
  const folder = temporaryProject(t, {});
  const paths = write(folder, project);
  const before = process.cwd();
  process.chdir(folder);
  t.after(() => process.chdir(before));
  await startWorker(t, folder, project);
  for (const [i, path] of paths.entries()) {
    const { prints, line } = project.programs[i]!;
    const output = await printed(() => load(path));
    if (prints === undefined) continue;
    assert.ok(
      printsAsShown(output, prints),
      `line ${line} shows\n${prints}\nbut prints\n${output}`,
    );
  }
}

for (const { path, projects, unmarked } of pages) {
  describe(path, () => {
    for (const project of projects.filter(({ programs }) => programs.length > 0)) {
      it(`runs and prints what it shows: ${project.title}`, t => runProject(t, project));
    }

    it('has no program that is not run', () => {
      assert.deepEqual(unmarked, []);
      assert.ok(projects.length > 3);
    });
  });
}

for (const [path, count] of TESTS) {
  describe(path, () => {
    it('shows tests that pass', async t => {
      const folder = temporaryProject(t, {});
      const { projects } = readPage(join(ROOT, path));
      for (const project of projects) write(folder, project);

      const tests = projects.flatMap(({ files }) => [...files.keys()]).filter(isTest);
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--import', import.meta.resolve('tsx'), '--test', '--test-reporter=tap', ...tests],
        { cwd: folder, env: { ...env, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') } },
      );

      assert.match(stdout, new RegExp(`# pass ${count}\\n`));
      assert.match(stdout, /# fail 0\n/);
    });
  });
}

describe('the programs of the user guide', () => {
  it('have no type errors', async t => {
    const folder = temporaryProject(t, {});
    const guide = pages.flatMap(page => page.projects);
    for (const [i, project] of guide.entries()) write(join(folder, `project-${i}`), project);
    for (const [path] of TESTS) {
      const { projects } = readPage(join(ROOT, path));
      for (const project of projects) write(join(folder, path), project);
    }
    const config = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: { typeRoots: [join(ROOT, 'node_modules/@types')] },
      include: ['.'],
      exclude: [],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));

    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const result = await promisify(execFile)(process.execPath, [tsc, '--noEmit', '-p', folder], {
      cwd: folder,
    }).catch((error: { stdout: string }) => error);

    assert.equal(result.stdout, '');
  });
});
