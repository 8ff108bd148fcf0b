import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readEntry } from '../../../src/app/schedules/read-entry.ts';
import { FileScheduleStore } from '../../../src/schedule-stores/file.ts';
import { stateIn } from '../../../src/schedule-stores/stored-text.ts';
import { temporaryProject } from '../../support/temporary-project.ts';

const entries = ['a', 'b'].map(name => readEntry(name, { task: 't', schedule: 10 }));

function setup(t: TestContext) {
  const opened: FileScheduleStore[] = [];
  // before the folder goes
  t.after(() => Promise.all(opened.map(store => store.stop())));
  const folder = temporaryProject(t, {});
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const filename = join(folder, 'schedule');
  const open = async ({ timezone = 'UTC', syncEvery = 0 } = {}) => {
    const store = new FileScheduleStore({
      ...{ filename, enableUtc: true, context: { timezone, now: () => 1000 } },
      logger: { debug: say, warning: say, error: say },
      setting: () => syncEvery,
    });
    await store.start();
    opened.push(store);
    return store;
  };
  const states = async (store: FileScheduleStore) =>
    Object.fromEntries((await store.load()).map(({ entry, state }) => [entry.name, state]));
  return { filename, lines, open, states };
}

const run = (name: string, lastRunAt: number, totalRunCount: number) => ({
  name,
  state: { lastRunAt, totalRunCount },
});

test('a file that is a pipe is refused, and not waited for', async t => {
  const { open, filename } = setup(t);
  execFileSync('mkfifo', [`${filename}.journal`]);
  await assert.rejects(
    open(),
    /schedule" cannot be written: .*schedule.journal is no regular file/,
  );
});

test('a last run that is no date is as none', async t => {
  const { open, states, filename } = setup(t);
  const first = await open();
  await first.putCode(entries);
  appendFileSync(`${filename}.journal`, '\n["a",1e300,5]\n');
  const second = await open();
  await second.putCode(entries);
  assert.deepEqual(await states(second), { a: undefined, b: undefined });
  assert.equal(stateIn('{"lastRunAt":1e300,"totalRunCount":1}'), undefined);
});

test('what was sent is known to the next process, though this one was killed', async t => {
  const { open, states, filename } = setup(t);
  const first = await open();
  await first.putCode(entries);
  await first.save([run('a', 10, 1), run('b', 12.5, 1)]);
  await first.save([run('a', 20, 2)]);
  appendFileSync(`${filename}.journal`, '["a",99');
  const second = await open();
  await second.putCode(entries);
  assert.deepEqual(await states(second), {
    a: { lastRunAt: 20, totalRunCount: 2 },
    b: { lastRunAt: 12.5, totalRunCount: 1 },
  });
});

test('entries that the code has no more are forgotten', async t => {
  const { open, states, filename } = setup(t);
  const first = await open();
  await first.putCode(entries);
  await first.save([run('a', 10, 1), run('b', 10, 1)]);
  await first.putCode(entries.slice(0, 1));
  assert.deepEqual(Object.keys(await states(first)), ['a']);
  assert.doesNotMatch(readFileSync(filename, 'utf8'), /"b"/);
});

test('the file is written anew after as many runs as the setting says', async t => {
  const { open, filename } = setup(t);
  const store = await open({ syncEvery: 2 });
  await store.putCode(entries);
  await store.save([run('a', 10, 1)]);
  assert.doesNotMatch(readFileSync(filename, 'utf8'), /"a":\[10,1\]/);
  await store.save([run('b', 10, 1)]);
  assert.match(readFileSync(filename, 'utf8'), /"a":\[10,1\]/);
  assert.equal(readFileSync(`${filename}.journal`, 'utf8'), '');
});

test('another time zone begins a new schedule', async t => {
  const { open, states, lines } = setup(t);
  const first = await open();
  await first.putCode(entries);
  await first.save([run('a', 10, 1)]);
  const second = await open({ timezone: 'Europe/Paris' });
  await second.putCode(entries);
  assert.deepEqual((await states(second)).a, undefined);
  assert.ok(lines.includes("Reset: Timezone changed from 'UTC' to 'Europe/Paris'"));
});

test('an entry that the code had switched off goes on from when it is switched on', async t => {
  const { open, states } = setup(t);
  const off = entries.map(entry => ({ ...entry, enabled: false }));
  const first = await open();
  await first.putCode([...off.slice(0, 1), ...entries.slice(1)]);
  await first.save([run('a', 20, 2), run('b', 20, 2)]);
  await first.stop();
  const second = await open();
  await second.putCode(entries);
  const known = {
    a: { lastRunAt: 20, totalRunCount: 2, resumedAt: 1000 },
    b: { lastRunAt: 20, totalRunCount: 2 },
  };
  assert.deepEqual(await states(second), known);
  const third = await open();
  await third.putCode(entries);
  assert.deepEqual(await states(third), known, 'also after another start');
});
