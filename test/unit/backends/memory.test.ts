import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, mock, type TestContext, test } from 'node:test';
import { forgetMemory, MemoryBackend } from '../../../src/backends/memory.ts';
import type { ResultMeta } from '../../../src/wire/results/result-meta.ts';
import { DEFAULT_OPTIONS, meta } from '../../contract/backend.contract.ts';

/** Stores of one URL; with `expires`, time stands still. */
function setup(t: TestContext, { expires = null as number | null } = {}) {
  t.after(() => mock.timers.reset());
  mock.timers.enable({ apis: ['Date'] });
  const url = `cache+memory://${randomUUID()}`;
  const open = () => new MemoryBackend(url, { ...DEFAULT_OPTIONS, expires });
  const store = open();
  const heard: string[] = [];
  const hear = ({ status }: ResultMeta) => void heard.push(status);
  const problem = ({ name }: Error) => void heard.push(name);
  const listen = (backend = store, id = '1') => backend.subscribe(id, hear, problem);
  const pass = (seconds: number) => mock.timers.tick(seconds * 1000);
  return { url, open, store, heard, listen, pass };
}

describe('results in memory', () => {
  test('are shared by all that open the URL, until they are forgotten', async t => {
    const { url, open, store } = setup(t);
    await store.store(meta('1', 'SUCCESS', 7));
    assert.equal((await open().fetch('1'))?.result, 7);

    forgetMemory(url);

    assert.equal(await open().fetch('1'), undefined);
    assert.equal((await store.fetch('1'))?.result, 7, 'who has them keeps them');
  });

  test('are copies: nobody changes what another reads', async t => {
    const { store } = setup(t);
    const result = { a: [1] };
    await store.store(meta('1', 'SUCCESS', result));
    result.a.push(2);

    const read = (await store.fetch('1')) as { result: { a: number[] } };
    read.result.a.push(3);

    assert.deepEqual((await store.fetch('1'))?.result, { a: [1] });
  });

  test('stay successful, whatever comes after', async t => {
    const { store, heard, listen } = setup(t);
    await listen();

    for (const status of ['STARTED', 'SUCCESS', 'FAILURE', 'SUCCESS']) {
      await store.store(meta('1', status));
    }

    assert.equal((await store.fetch('1'))?.status, 'SUCCESS');
    assert.deepEqual(heard, ['STARTED', 'SUCCESS']);
  });

  test('may come anew after they were forgotten', async t => {
    const { store } = setup(t);
    await store.store(meta('1', 'SUCCESS'));

    await store.forget('1');
    await store.forget('1');
    await store.store(meta('1', 'STARTED'));

    assert.equal((await store.fetch('1'))?.status, 'STARTED');
  });

  test('are heard by listeners of every store of the URL, until they leave', async t => {
    const { open, store, heard, listen } = setup(t);
    const leave = await listen(open());
    await listen(store, 'another task');

    await store.store(meta('1', 'STARTED'));
    await leave();
    await leave();
    await store.store(meta('1', 'SUCCESS'));

    assert.deepEqual([heard, store.subscriptions], [['STARTED'], 1]);
  });

  test('are not heard any more when the store is closed, which is told once', async t => {
    const { open, store, heard, listen } = setup(t);
    await listen();

    await store.stop();
    await store.stop();
    await open().store(meta('1', 'SUCCESS'));

    assert.deepEqual([heard, store.subscriptions], [['ConnectionClosed'], 0]);
  });
});

describe('results in memory that expire', () => {
  test('are gone after their time, which a newer state begins anew', async t => {
    const { store, pass } = setup(t, { expires: 10 });
    await store.store(meta('1', 'STARTED'));
    pass(9);
    await store.store(meta('1', 'FAILURE'));

    pass(9.999);
    assert.equal((await store.fetch('1'))?.status, 'FAILURE');
    pass(0.001);

    assert.equal(await store.fetch('1'), undefined);
  });

  test('are not final any more', async t => {
    const { store, pass } = setup(t, { expires: 10 });
    await store.store(meta('1', 'SUCCESS'));
    pass(10);

    await store.store(meta('1', 'STARTED'));

    assert.equal((await store.fetch('1'))?.status, 'STARTED');
  });

  test('make room as others come, so that the store shrinks', async t => {
    const { store, pass } = setup(t, { expires: 10 });
    for (let n = 0; n < 100; n++) await store.store(meta(`${n}`, 'SUCCESS'));
    pass(10);

    for (let n = 0; n < 20; n++) await store.store(meta(`new ${n}`, 'SUCCESS'));

    assert.equal(await store.cleanup(), 20, 'four went with each that came');
  });

  for (const expires of [0, null]) {
    test(`never do with ${expires}`, async t => {
      const { store, pass } = setup(t, { expires });
      await store.store(meta('1', 'SUCCESS'));

      pass(1e9);

      assert.equal(await store.cleanup(), 0);
      assert.equal((await store.fetch('1'))?.status, 'SUCCESS');
    });
  }
});

describe('groups in memory', () => {
  test('are kept beside the results, and expire as these do', async t => {
    const { store, open, pass } = setup(t, { expires: 10 });
    const tuple = [['g', null], [[['1', null], null]]];
    await store.storeGroup('g', tuple);
    assert.deepEqual([await open().fetchGroup('g'), await store.fetch('g')], [tuple, undefined]);

    await store.forgetGroup('other');
    pass(10);

    assert.equal(await store.fetchGroup('g'), undefined);
    assert.equal(await store.cleanup(), 1);
  });

  test('are forgotten alone', async t => {
    const { store } = setup(t);
    await store.storeGroup('x', [['x', null], []]);
    await store.store(meta('x', 'SUCCESS'));

    await store.forgetGroup('x');

    assert.deepEqual(
      [await store.fetchGroup('x'), (await store.fetch('x'))?.status],
      [undefined, 'SUCCESS'],
    );
  });
});

describe('chords in memory', () => {
  const part = { taskId: 'a', index: 0, status: 'SUCCESS', result: 1 };

  test('are remembered for a day after they were closed when results are kept for ever', async t => {
    const { store, pass } = setup(t);
    const { chords } = store;
    await chords.close('g');

    pass(86_399);
    await chords.setSize('g', 1);
    assert.equal(await chords.addPart('g', part), undefined);

    pass(86_401);
    await chords.setSize('g', 1);
    assert.deepEqual(await chords.addPart('g', part), [part]);
  });

  test('expire a lifetime after the last part', async t => {
    const { store, pass } = setup(t, { expires: 60 });
    const { chords } = store;
    await chords.setSize('g', 2);
    pass(59);
    await chords.addPart('g', part);
    pass(59);
    assert.equal((await chords.progress('g'))?.parts.length, 1);

    pass(1);

    assert.equal(await chords.progress('g'), undefined);
  });
});
