import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { linkError } from '../../src/canvas/links.ts';
import { pipeAll } from '../../src/canvas/pipe.ts';
import {
  chainSignature,
  chordSignature,
  chunksSignature,
  groupSignature,
  mapSignature,
  starmapSignature,
  taskSignature,
} from '../../src/canvas/shapes.ts';
import type { SignatureData } from '../../src/canvas/signature.ts';
import type { ApplyOptions, AsyncResult, Celery, GroupResult } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  type WorkerBench,
  withWorker,
} from '../support/worker.ts';

const appFile = fileURLToPath(new URL('../fixtures/workflow-app.ts', import.meta.url));
const timeout = 20;

const task = (name: string, ...args: unknown[]) => taskSignature(`f.${name}`, { args });
const add = (...args: number[]) => task('add', ...args);
const echo = task('echo');

function apply(app: Celery, signature: SignatureData, options: ApplyOptions = {}) {
  return app[INTERNALS].apply.applySignature(signature, [], options);
}

const get = async (app: Celery, signature: SignatureData) =>
  (await apply(app, signature)).get({ timeout });

/** All that have ended, by what they say. */
async function outcomes(app: Celery, ids: readonly string[]) {
  const results = ids.map(id => app.AsyncResult(id));
  await eventually(async () => {
    for (const result of results) assert.ok(await result.ready());
  });
  return Promise.all(
    results.map(result =>
      result
        .get({ timeout, followParents: false })
        .catch((error: Error) => `${error.name}: ${error.message}`),
    ),
  );
}

for (const surround of [redisSurroundings, sqliteSurroundings]) {
  describe(`workflows on ${surround.name.replace('Surroundings', '')}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings.stop());
    const bench = (body: (bench: WorkerBench) => Promise<void>) =>
      withWorker(surroundings, { appFile }, body);

    it('give the values that Celery gives, however they are nested', async () => {
      const chord = chordSignature([add(1, 1), add(2, 2)], echo);
      const cases: [SignatureData, unknown][] = [
        [chord, [2, 4]],
        [groupSignature([add(1, 1), add(2, 2)]), [2, 4]],
        [groupSignature([]), []],
        [chordSignature([], echo), []],
        [chordSignature([add(1, 1)], task('sum')), 2],
        [pipeAll([add(1, 1), groupSignature([add(1), add(2)]), task('sum')]), 7],
        [pipeAll([chord, groupSignature([echo, task('sum')])]), [[2, 4], 6]],
        [
          pipeAll([
            groupSignature([add(1, 1), add(2, 2)]),
            groupSignature([task('sum'), echo]),
            echo,
          ]),
          [6, [2, 4]],
        ],
        [chordSignature([chord, add(3, 3)], echo), [[2, 4], 6]],
        [chordSignature([chainSignature([add(1, 1), add(2)]), add(3, 3)], echo), [4, 6]],
        [
          chordSignature(
            [chainSignature([add(1, 1), groupSignature([add(1), add(2)])]), add(3, 3)],
            echo,
          ),
          [[3, 4], 6],
        ],
        [chordSignature([add(1, 1), add(2, 2)], chainSignature([task('sum'), add(10)])), 16],
        [chordSignature([task('silent', 5), add(2, 2)], echo), [5, 4]],
        [mapSignature(task('echo'), [1, 2]), [1, 2]],
        [
          starmapSignature(task('add'), [
            [1, 2],
            [3, 4],
          ]),
          [3, 7],
        ],
        [
          chunksSignature(
            task('add'),
            [
              [1, 1],
              [2, 2],
              [3, 3],
            ],
            2,
          ),
          [[2, 4], [6]],
        ],
        [chordSignature([mapSignature(task('echo'), [1, 2])], echo), [[1, 2]]],
        [
          taskSignature('celery.chunks', {
            args: [
              task('add'),
              [
                [1, 1],
                [2, 2],
              ],
              1,
            ],
          }),
          undefined,
        ],
      ];
      await bench(async ({ app }) => {
        for (const [signature, value] of cases) {
          const got = await get(app, signature);
          if (value !== undefined) assert.deepEqual(got, value, JSON.stringify(signature));
        }
      });
    });

    it('end with the error of the part that failed, for whoever waits for any of it', async () => {
      await bench(async ({ app, file, lines }) => {
        const [errors, notes] = [file(), file()];
        const body = chainSignature([task('noted', notes), add(1)]);
        const chord = linkError(
          chordSignature(
            [add(1, 1), task('fail', 'mine'), chordSignature([add(1, 1)], echo)],
            body,
          ),
          taskSignature('f.errback', { args: [errors] }),
        );
        const result = (await apply(app, chord)) as AsyncResult;
        await assert.rejects(result.get({ timeout }), { name: 'RangeError', message: 'mine' });
        const [outcome] = await outcomes(app, [result.id]);
        assert.match(String(outcome), /^ChordError: Dependency .* raised RangeError\('mine'\)$/);
        await eventually(async () =>
          assert.match((await lines(errors)).join(), /ChordError: Depend/),
        );
        assert.deepEqual(await lines(notes), []);
      });
    });

    it('leave nobody waiting: outer chords, groups as bodies and steps that follow fail too', async () => {
      await bench(async ({ app }) => {
        const failing = chordSignature([add(1, 1), task('fail', 'mine')], echo);
        const outer = await apply(app, chordSignature([failing, add(3, 3)], echo));
        assert.match(String((await outcomes(app, [outer.id]))[0]), /^ChordError: .*ChordError/);

        const groupBody = chordSignature([task('fail', 'mine')], groupSignature([echo, echo]));
        const members = (await apply(app, groupBody)) as GroupResult;
        const each = await outcomes(
          app,
          members.results.map(({ id }) => id),
        );
        assert.deepEqual(each, ['RangeError: mine', 'RangeError: mine']);

        const steps = pipeAll([
          task('fail', 'mine'),
          groupSignature([add(1), add(2)]),
          echo,
          add(1),
        ]);
        const last = (await apply(app, steps)) as AsyncResult;
        assert.deepEqual(await outcomes(app, [last.id]), ['RangeError: mine']);
        const header = last.parent!.parent as GroupResult;
        assert.equal(
          (
            await outcomes(
              app,
              header.results.map(({ id }) => id),
            )
          )[1],
          'RangeError: mine',
        );
      });
    });

    it('hear of parts that are revoked, expired, killed, or take too long', async () => {
      await bench(async ({ app }) => {
        const endings: [SignatureData, RegExp][] = [
          [task('dies'), /WorkerLostError/],
          [task('overtime'), /TimeLimitExceeded/],
          [
            taskSignature('f.add', { args: [1, 1], options: { expires: 0.001, countdown: 0.2 } }),
            /TaskRevokedError/,
          ],
          [
            chainSignature([
              taskSignature('f.add', { args: [1, 1], options: { expires: 0.001, countdown: 0.2 } }),
              add(1),
            ]),
            /TaskRevokedError/,
          ],
        ];
        for (const [part, error] of endings) {
          const result = await apply(app, chordSignature([add(1, 1), part], echo));
          assert.match(String((await outcomes(app, [result.id]))[0]), error);
        }
        const id = 'revoked-part';
        await app.control.revoke(id, { reply: true });
        const part = taskSignature('f.add', { args: [1, 1], options: { task_id: id } });
        const result = await apply(app, chordSignature([part], echo));
        assert.match(String((await outcomes(app, [result.id]))[0]), /TaskRevokedError/);
      });
    });

    it('count a part once that runs again after its process has died', async () => {
      await bench(async ({ app, file, lines }) => {
        const [died, notes] = [file(), file()];
        const chord = chordSignature([add(1, 1), task('diesOnce', 7, died)], task('noted', notes));
        assert.deepEqual(await get(app, chord), [2, 7]);
        assert.ok(existsSync(died));
        assert.deepEqual(await lines(notes), ['[2,7]']);
      });
    });

    it('count a part whose process died between its result and the chord', async () => {
      await bench(async ({ app, worker }) => {
        const chord = chordSignature([add(1, 1), task('storesAndDies', 7)], echo);
        assert.deepEqual(await get(app, chord), [2, 7]);
        await worker.sees(/storesAndDies\[.* had ended before its process did/);
      });
    });

    it('go on with what replaces a task, under its id', async () => {
      await bench(async ({ app }) => {
        const replaced = (by: SignatureData) => task('replaces', by);
        const cases: [SignatureData, unknown][] = [
          [replaced(add(1, 1)), 2],
          [replaced(replaced(add(1, 1))), 2],
          [replaced(groupSignature([add(1, 1), add(2, 2)])), [2, 4]],
          [replaced(chainSignature([add(1, 1), add(2)])), 4],
          [replaced(chordSignature([add(1, 1), add(2, 2)], task('sum'))), 6],
          [pipeAll([replaced(chainSignature([add(1, 1), add(2)])), add(10), add(20)]), 34],
          [
            chordSignature([replaced(groupSignature([add(1, 1), add(2, 2)])), add(3, 3)], echo),
            [[2, 4], 6],
          ],
          [
            chordSignature(
              [chainSignature([replaced(add(1, 1)), add(1)]), replaced(echo1())],
              echo,
            ),
            [3, 'one'],
          ],
          [chordSignature([add(1, 1)], replaced(echo1())), 'one'],
        ];
        for (const [signature, value] of cases) {
          assert.deepEqual(await get(app, immutable(signature)), value, JSON.stringify(signature));
        }
      });
    });

    it('wait for parts that are added to a chord while it runs', async () => {
      await bench(async ({ app, file, lines }) => {
        const notes = file();
        const more = chainSignature([task('slow', 'late', 0.3), echo]);
        const chord = chordSignature([task('adds', more), add(1, 1)], task('noted', notes));
        assert.deepEqual(await get(app, chord), ['added', 2, 'late']);
        assert.deepEqual(await lines(notes), ['["added",2,"late"]']);
        await assert.rejects(get(app, task('adds', more)), /part of a chord/);
      });
    });
  });
}

const echo1 = () => task('echo', 'one');

/** A body takes the result of the header, which what replaces it does not. */
const immutable = (signature: SignatureData): SignatureData => {
  const { body } = signature.kwargs as { body?: SignatureData };
  if (body?.task !== 'f.replaces') return signature;
  return { ...signature, kwargs: { ...signature.kwargs, body: { ...body, immutable: true } } };
};
