import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { ChangeWatcher } from '../../../../src/drivers/sqlite/change-watcher.ts';

it('a watcher that is stopped by whoever hears of a change looks no more', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'tscelery-watch-'));
  t.after(() => rm(dir, { recursive: true }));
  const timers = () => process.getActiveResourcesInfo().filter(type => type === 'Timeout').length;
  const before = timers();
  let version = 1;
  await new Promise<void>(resolve => {
    const watcher = new ChangeWatcher({
      file: join(dir, 'no-log'),
      version: () => version++,
      isWaiting: () => true,
      onChange: () => {
        watcher.stop();
        resolve();
      },
    });
  });
  assert.equal(timers(), before);
});
