/** Workflows of which messages carry only where to find what follows. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { INTERNALS } from '../../../../src/app/app-internals.ts';
import { pipeAll } from '../../../../src/canvas/pipe.ts';
import { chordSignature, groupSignature, taskSignature } from '../../../../src/canvas/shapes.ts';
import type { SignatureData } from '../../../../src/canvas/signature.ts';
import { STORED_TASK } from '../../../../src/canvas/stored.ts';
import { Celery, type CeleryConfig } from '../../../../src/index.ts';
import { startTestWorker } from '../../../../src/testing/index.ts';

/** An app with a worker, and the body of every message that either of them sends. */
async function setup(t: TestContext, settings: CeleryConfig = {}) {
  const app = new Celery('flow', settings);
  const sent: string[] = [];
  app.signals.beforeTaskPublish.connect(({ message }) => void sent.push(String(message.body)));
  app.task('add', (x: number, y: number) => x + y);
  app.task('sum', (values: number[]) => values.reduce((a, b) => a + b, 0));
  app.task('fail', () => {
    throw new RangeError('no');
  });
  const worker = await startTestWorker(app);
  t.after(() => worker.stop());
  const apply = (signature: SignatureData) =>
    app[INTERNALS].apply.applySignature(signature, [], {});
  const get = async (signature: SignatureData) => (await apply(signature)).get({ timeout: 20 });
  return { app, sent, apply, get };
}

type Setup = Awaited<ReturnType<typeof setup>>;

const add = (...args: number[]) => taskSignature('add', { args });
const addTo = (...args: number[]) => taskSignature('add', { args, immutable: true });
const sum = taskSignature('sum');
const fail = taskSignature('fail', { immutable: true });

/** Chords of ten, one after the other. */
const chords = (count: number) =>
  pipeAll(
    Array.from({ length: count }, () =>
      chordSignature(
        Array.from({ length: 10 }, (_, i) => addTo(i, 1)),
        sum,
      ),
    ),
  );

/** Of all messages, and of what was kept in the result store. */
async function bytesOf({ app, sent }: Setup): Promise<number> {
  const ids = new Set(sent.flatMap(body => body.match(/(?<="id": ?")[^"]+(?=", ?"count")/g) ?? []));
  const backend = await app[INTERNALS].backend();
  const lists = await Promise.all([...ids].map(id => backend.fetchGroup(id)));
  const all = [...sent, ...lists.map(list => JSON.stringify(list))];
  return all.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0);
}

const SETTINGS = { task_inline_workflow_size: 1024 };

describe('a workflow whose rest is stored once', () => {
  it('is small: six chords of ten in a chain need less than 64 KiB, twelve twice that', async t => {
    const six = await setup(t, SETTINGS);
    const twelve = await setup(t, SETTINGS);
    const inline = await setup(t);

    assert.equal(await six.get(chords(6)), 55);
    assert.equal(await twelve.get(chords(12)), 55);
    assert.equal(await inline.get(chords(6)), 55);

    const bytes = await bytesOf(six);
    assert.ok(bytes < 64 * 1024, `${bytes} bytes`);
    assert.ok((await bytesOf(twelve)) < 2.2 * bytes);
    const carried = await bytesOf(inline);
    assert.ok(carried > 5 * bytes, `${carried} bytes, and ${bytes}`);
  });

  it('gives the values that it gives otherwise', async t => {
    const { get } = await setup(t, { task_inline_workflow_size: 0 });
    const cases: [SignatureData, unknown][] = [
      [pipeAll([add(1, 1), add(1), add(1), add(1)]), 5],
      [pipeAll([add(1, 1), addTo(5, 5), add(1)]), 11],
      [chordSignature([add(1, 1), add(2, 2)], sum), 6],
      [chordSignature([add(1, 1)], pipeAll([sum, add(1), add(1)])), 4],
      [pipeAll([add(1, 1), groupSignature([add(1), add(2)]), sum, add(1)]), 8],
      [pipeAll([chordSignature([add(1, 1)], sum), groupSignature([add(1), add(2)])]), [3, 4]],
      [
        chordSignature(
          [chordSignature([add(1, 1), add(2, 2)], sum), pipeAll([add(1, 1), add(1)])],
          pipeAll([sum, chordSignature([add(1), add(2)], sum)]),
        ),
        21,
      ],
    ];
    for (const [signature, value] of cases) assert.deepEqual(await get(signature), value);
  });

  it('fails as a whole when a step fails', async t => {
    const { apply } = await setup(t, { task_inline_workflow_size: 0 });

    const result = await apply(pipeAll([add(1, 1), fail, add(1), add(2)]));

    await assert.rejects(result.get({ timeout: 20 }), /no/);
    const last = await apply(pipeAll([chordSignature([add(1, 1), fail], sum), add(1), add(1)]));
    await assert.rejects(last.get({ timeout: 20 }), /no/);
  });

  it('fails, and says why, when the rest is not kept any more', async t => {
    const { app, apply } = await setup(t, SETTINGS);
    const backend = await app[INTERNALS].backend();
    const forgotten = taskSignature(STORED_TASK, { kwargs: { id: 'gone', count: 2 } });
    await backend.storeGroup('gone', [add(1)]);

    const first = { ...add(1, 1), options: { chain: [forgotten] } };

    await assert.rejects(
      (await apply(first)).get({ timeout: 20 }),
      /The rest of the workflow is not in/,
    );
  });

  it('fails when a stored rest refers to itself, or a reference is none', async t => {
    const { app, apply } = await setup(t, SETTINGS);
    const backend = await app[INTERNALS].backend();
    const to = (kwargs: object) => taskSignature(STORED_TASK, { kwargs: kwargs as never });
    const self = to({ id: 'self', count: 1 });
    await backend.storeGroup('self', [self]);
    const forks = (id: string) => [to({ id, count: 2 }), to({ id, count: 2 })];
    await backend.storeGroup('one', forks('two'));
    await backend.storeGroup('two', [add(1), add(1)]);

    const after = (chain: SignatureData[], first = add(1, 1)) => ({ ...first, options: { chain } });
    const failing: [SignatureData, RegExp][] = [
      [after([self]), /refers to itself/],
      [after([self], fail), /no/],
      [after([to({ id: 'one', count: 2 })], fail), /no/],
      [self, /refers to itself/],
      [to({}), /needs the id and the count of what is stored, got \{\}/],
      [
        { ...taskSignature('celery.chunks', { args: [add(1), [[1]], 0] }) },
        /needs a list and a size/,
      ],
      [taskSignature('celery.map', { args: [add(1), 2 ** 60] }), /celery.map needs a list/],
      [to({ id: 'two', count: -1 }), /needs the id and the count/],
      [to({ id: 'two', count: 2 ** 60 }), /needs the id and the count/],
    ];
    for (const [signature, error] of failing) {
      await assert.rejects((await apply(signature)).get({ timeout: 20 }), error);
    }
  });

  it('goes on when a worker that knows nothing of this has sent it like a task', async t => {
    const { app, apply } = await setup(t, SETTINGS);
    const backend = await app[INTERNALS].backend();
    const id = (name: string) => ({ options: { task_id: name } });
    await backend.storeGroup('rest', [
      { ...add(10), ...id('c') },
      { ...chordSignature([add(1), add(2)], { ...sum, ...id('b') }) },
      { ...chordSignature([add(0), add(1)], { ...sum, ...id('a') }) },
    ]);

    const like = { kwargs: { id: 'rest', count: 3 }, args: [1], options: { task_id: 'a' } };
    await apply(taskSignature(STORED_TASK, like));

    const values = ['a', 'b', 'c'].map(each => app.AsyncResult(each).get({ timeout: 20 }));
    assert.deepEqual(await Promise.all(values), [3, 9, 19]);
  });

  it('needs a store that keeps results for everybody', async t => {
    const app = new Celery('flow', {
      broker: 'memory://',
      ...SETTINGS,
      task_inline_workflow_size: 0,
    });
    t.after(() => app.close());

    await assert.rejects(
      app[INTERNALS].apply.applySignature(pipeAll([add(1, 1), add(1), add(1)]), [], {}),
      /task_inline_workflow_size needs a result backend that keeps results for everybody/,
    );
  });
});
