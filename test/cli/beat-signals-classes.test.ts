/** What `tscelery beat` does on signals, and with schedulers, stores and workflows of its users. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startCli } from '../support/cli.ts';
import { readPage } from '../support/doc-examples.ts';
import { eventually } from '../support/eventually.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIBRARY = JSON.stringify(program.library);

const APP = `
import { appendFileSync } from 'node:fs';
import { Celery, chain } from ${LIBRARY};
export const app = new Celery('proj');
export const double = app.task('proj.double', number => number * 2);
export const note = app.task('proj.note', { bind: true }, (self, ...words) => {
  appendFileSync('ran.txt', JSON.stringify([self.request.id, words]) + '\\n');
});
`;
const OFTEN = `app.addPeriodicTask(0.3, note, { name: 'often', args: ['tick'] });`;

const SHELF = `
import { writeFileSync } from 'node:fs';
import { schedule } from ${LIBRARY};

export class Shelf {
  info = '. db -> a shelf';
  isShared = false;
  #stored = new Map();

  async start() {}
  async stop() {
    const runs = [...this.#stored].map(([name, { state }]) => [name, state?.totalRunCount ?? 0]);
    writeFileSync('shelf.json', JSON.stringify(Object.fromEntries(runs)));
  }
  async load() {
    return [...this.#stored.values()];
  }
  async putCode(entries) {
    for (const entry of entries) this.#stored.set(entry.name, { entry, state: undefined });
    const [entry] = entries;
    const own = { ...entry, name: 'own', schedule: schedule(0.4), args: ['own'], origin: 'store' };
    this.#stored.set('own', { entry: own, state: undefined });
  }
  async save(runs) {
    for (const { name, state } of runs) this.#stored.get(name).state = state;
  }
  async watch() {
    return async () => {};
  }
}
`;

function setup(t: TestContext, files: Readonly<Record<string, string>>) {
  const started: ReturnType<typeof startCli>[] = [];
  // before the folder goes
  t.after(async () => {
    for (const running of started) running.kill('SIGKILL');
    await Promise.all(started.map(running => running.ended()));
  });
  const cwd = temporaryProject(t, files);
  const read = (name: string) =>
    existsSync(join(cwd, name)) ? readFileSync(join(cwd, name), 'utf8') : '';
  /** Started, and killed when the test is over. */
  const start = (words: string[], env: Readonly<Record<string, string>> = {}) => {
    const running = startCli(['-A', 'tasks', ...words], { cwd, env });
    started.push(running);
    return running;
  };
  const ran = () =>
    read('ran.txt')
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as [id: string, words: unknown[]]);
  return { cwd, read, start, ran };
}

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;
const SENDING = /Sending due task often/g;

describe('beat that is sent', { concurrency: 2 }, () => {
  it('HUP keeps its process id and pidfile, and sends no due time twice', async t => {
    const { read, start, ran } = setup(t, { 'tasks.js': APP + OFTEN });
    const beat = start(['beat', '--pidfile', 'b.pid', '-l', 'info']);
    await eventually(() => assert.ok(count(beat.stderr, SENDING) > 1), { seconds: 30 });
    assert.equal(read('b.pid'), `${beat.child.pid}\n`);

    beat.kill('SIGHUP');

    await beat.sees(/Restarting celery beat \(-A tasks beat .*\)/);
    await eventually(() => assert.equal(count(beat.stderr, /beat: Starting/g), 2), { seconds: 30 });
    const before = count(beat.stderr, SENDING);
    await eventually(() => assert.ok(count(beat.stderr, SENDING) > before + 1), { seconds: 30 });
    assert.equal(read('b.pid'), `${beat.child.pid}\n`);
    beat.kill('SIGTERM');
    assert.equal((await beat.ended()).code, 0);
    assert.equal(read('b.pid'), '');
    const sent = count(beat.stderr, SENDING);
    start(['worker', '-P', 'solo']);
    await eventually(() => assert.equal(ran().length, sent), { seconds: 30 });
    assert.equal(new Set(ran().map(([id]) => id)).size, sent);
  });

  it('USR1 tells what it does, in its log, which it opens anew when that was moved', async t => {
    const { cwd, read, start } = setup(t, { 'tasks.js': APP + OFTEN });
    const beat = start(['beat', '-f', 'beat.log', '-l', 'info']);
    await eventually(() => assert.match(read('beat.log'), SENDING), { seconds: 30 });

    beat.kill('SIGUSR1');
    const report =
      /WARNING\/MainProcess\] Report asked for by SIGUSR1\n=+\nMainProcess \(pid \d+\)\n=+\n {2}active handles: [\s\S]*\nBeat\n=+\n {2}leads\n {2}2 entries of the code\n/;
    await eventually(() => assert.match(read('beat.log'), report));
    renameSync(join(cwd, 'beat.log'), join(cwd, 'beat.log.1'));

    await eventually(() => assert.match(read('beat.log'), SENDING), { seconds: 10 });
    assert.match(read('beat.log.1'), /beat: Starting/);
    assert.doesNotMatch(read('beat.log'), /beat: Starting/);
  });
});

describe('beat with code of its users', { concurrency: 2 }, () => {
  it('uses the scheduler of the user guide, and sends a workflow', async t => {
    const page = readPage(join(ROOT, 'docs/user-guide/periodic.md'));
    const section = page.projects.find(({ title }) => title === 'Custom scheduler classes');
    const workflow = `app.addPeriodicTask(0.3, chain(double.s(4), double.s(), note.s()), { name: 'flow' });`;
    const files = { ...Object.fromEntries(section!.files), 'tasks.js': APP + workflow };
    const { cwd, start, ran } = setup(t, files);
    mkdirSync(join(cwd, 'node_modules'));
    symlinkSync(ROOT, join(cwd, 'node_modules/tscelery'));
    const env = { TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') };

    const beat = start(['beat', '-S', './scheduler.ts:OnOpenDays'], env);
    start(['worker', '-P', 'solo'], env);

    await beat.sees(/ {4}\. scheduler -> \.\/scheduler\.ts:OnOpenDays\n/);
    await beat.sees(/The shop has 2 entries\./);
    await eventually(() => assert.ok(ran().length > 1), { seconds: 30 });
    assert.deepEqual(ran()[0]?.[1], [16]);
  });

  it('keeps the schedule in a store of theirs, and sends what that has besides', async t => {
    const { start, read, ran } = setup(t, { 'tasks.js': APP + OFTEN, 'shelf.js': SHELF });
    const beat = start(['beat', '-S', './shelf.js:Shelf', '-l', 'info']);
    start(['worker', '-P', 'solo']);
    const words = () => ran().map(([, [word]]) => word);
    await eventually(() => assert.ok(words().includes('own') && words().includes('tick')), {
      seconds: 30,
    });
    beat.kill('SIGTERM');
    assert.equal((await beat.ended()).code, 0);
    assert.match(beat.stdout, / {4}\. db -> a shelf\n/);
    assert.deepEqual(JSON.parse(read('shelf.json')), {
      'celery.backend_cleanup': 0,
      often: count(beat.stderr, SENDING),
      own: count(beat.stderr, /Sending due task own/g),
    });
  });
});
