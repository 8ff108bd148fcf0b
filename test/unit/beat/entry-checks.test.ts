import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Celery } from '../../../src/app/app.ts';
import type { BeatEntry } from '../../../src/app/options/beat-schedule.ts';
import { readEntry } from '../../../src/app/schedules/read-entry.ts';
import { checkEntryCall, misspeltTask } from '../../../src/beat/entry-checks.ts';
import { beatLazy } from '../../../src/schedule-stores/lazy.ts';
import { MadeBeats } from './made-beats.ts';

const app = new Celery('proj', { broker_url: 'memory://' });
app.task('tasks.add', (x: number, y: number) => x + y);
app.remoteTask('py.far');
const check = (entry: Partial<BeatEntry>) =>
  checkEntryCall(app, readEntry('e', { task: 'tasks.add', schedule: 1, ...entry }));

test('an entry whose task cannot be called so is refused by name', async () => {
  const refused = (message: RegExp) => ({ code: 'IMPROPERLY_CONFIGURED', message });
  await assert.rejects(check({ args: [1, 2, 3] }), refused(/The entry "e": .*but 3 were given/));
  await assert.rejects(check({ kwargs: { y: 2 } }), refused(/missing 1 required/));
  await assert.rejects(check({ args: [1], kwargs: { z: 2 } }), refused(/unexpected keyword.*'z'/));
  await check({ args: [1, 2] });
  await check({ args: [1], kwargs: { y: 2 } });
  await check({ args: [1, beatLazy(() => 2)] });
  await assert.rejects(check({ args: [1, 2, beatLazy(() => 2)] }), refused(/but 3 were given/));
  await check({ task: 'py.far', args: [1, 2, 3] });
  await check({ task: 'elsewhere', args: [1, 2, 3] });
});

test('a task that nobody knows is told of with its nearest name, and not when none is near', () => {
  const doubt = (task: string) => misspeltTask(app, { name: 'e', task });
  assert.match(
    doubt('tasks.addd') ?? '',
    /"e".*no task "tasks\.addd"\. Did you mean "tasks\.add"\?/,
  );
  assert.equal(doubt('tasks.add'), undefined);
  assert.equal(doubt('reports.make'), undefined);
  assert.equal(doubt('celery.chain'), undefined);
});

test('beat warns of a misspelt task and sends it all the same', async () => {
  const beats = new MadeBeats();
  const beat = beats.make({ e: { task: 'tasks.addd', schedule: 10 } });
  beat.app.task('tasks.add', (x: number) => x);
  await beat.start();
  await beats.rest();
  await beats.pass(10);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [10]);
  assert.match(beats.lines('warning').join('\n'), /Did you mean "tasks\.add"/);
});

test('beat does not start with an entry that has too many arguments', async () => {
  const beats = new MadeBeats();
  const beat = beats.make({ e: { task: 'tasks.add', schedule: 10, args: [1, 2] } });
  beat.app.task('tasks.add', (x: number) => x);
  await assert.rejects(beat.start(), /The entry "e": .*but 2 were given/);
});
