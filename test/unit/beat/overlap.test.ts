import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Celery } from '../../../src/app/app.ts';
import { INTERNALS } from '../../../src/app/app-internals.ts';
import type { Overlap } from '../../../src/schedule-stores/entry.ts';
import { MadeBeats } from './made-beats.ts';

/** Of one test: ids follow from the key, and all results of this process are in one place. */
const settingsOf = () => ({
  ...{ result_backend: 'cache+memory://', result_expires: 100 },
  beat_lock_key: randomUUID(),
});
const entry = (overlap: Overlap) => ({ task: 't.add', schedule: 10, overlap });

async function end(app: Celery, id: string): Promise<void> {
  const backend = await app[INTERNALS].backend();
  await backend.store({
    ...{ task_id: id, status: 'SUCCESS', result: 1, traceback: null, children: [] },
    date_done: new Date().toISOString(),
  } as never);
}

test('a run is left out while the one before has not ended', async () => {
  const beats = new MadeBeats();
  const beat = await beats.start({ e: entry('skip') }, { settings: settingsOf() });
  await beats.pass(35);
  assert.deepEqual(beats.slots('e'), [10]);
  assert.match(beats.lines('info').join('\n'), /Leaving out e: its run before has not ended/);
  await end(beat.app, beats.sent[0]!.id);
  await beats.pass(10);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [10, 40]);
});

test('one run waits for the end of the one before, however many are missed', async () => {
  const beats = new MadeBeats();
  const beat = await beats.start({ e: entry('queue-one') }, { settings: settingsOf() });
  await beats.pass(35);
  assert.deepEqual(beats.slots('e'), [10]);
  await end(beat.app, beats.sent[0]!.id);
  await beats.pass(2);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [10, 30]);
});

test('a run whose result never comes holds up the next ones until results expire', async () => {
  const beats = new MadeBeats();
  await beats.start({ e: entry('skip') }, { settings: settingsOf() });
  await beats.pass(130, 2);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [10, 120]);
});

test('runs whose end nobody can see are refused at the start', async () => {
  for (const [settings, why] of [
    [{ result_backend: 'disabled://' }, /"e": overlap "skip" .* there is no result_backend/],
    [{ ...settingsOf(), task_ignore_result: true }, /its task has ignore_result/],
    [{ result_backend: 'rpc://' }, /rpc:\/\/ gives results only/],
  ] as const) {
    const beats = new MadeBeats();
    const beat = beats.make({ e: entry('skip') }, { settings });
    await assert.rejects(beat.start(), why);
    await beat.app.close();
  }
});
