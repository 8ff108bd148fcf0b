/**
 * Workflows whose parts run in Python and in TypeScript: the same signatures, sent by Celery and by
 * us, with a worker of each on a queue of its own.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
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
  taskSignature,
} from '../../src/canvas/shapes.ts';
import type { SignatureData } from '../../src/canvas/signature.ts';
import { Celery } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  PYTHON_FIXTURES,
  python,
  pythonCelery,
  type RunningCelery,
  startCelery,
} from '../support/python.ts';
import { rabbitmqSurroundings } from '../support/shared-rabbitmq.ts';
import { lines, redisSurroundings, type Surroundings, startWorker } from '../support/worker.ts';

const skip = (await pythonCelery()) ? false : 'Python Celery is not installed';
const appFile = fileURLToPath(new URL('../fixtures/workflow-app.ts', import.meta.url));

/** Sends signatures as Celery does, and reads what comes of them. */
const SEND = `
import sys
sys.path.insert(0, os.getcwd())
os.environ['TEST_SETTINGS'] = json.dumps(data['settings'])
import python_app as py
from celery.canvas import maybe_signature
out = []
for each in data['signatures']:
    result = maybe_signature(each, app=py.app).apply_async()
    try:
        out.append(result.get(timeout=30))
    except Exception as exc:
        out.append(type(exc).__name__ + ': ' + str(exc))
`;

for (const surround of [redisSurroundings, rabbitmqSurroundings]) {
  describe(`workflows in both languages on ${surround.name.replace('Surroundings', '')}`, {
    skip,
  }, () => {
    let surroundings: Surroundings;
    let ours: ReturnType<typeof startWorker>;
    let theirs: RunningCelery;
    let app: Celery;
    const [here, there] = [`ts-${randomUUID()}`, `py-${randomUUID()}`];
    const settings = () => ({ ...surroundings.settings, task_default_queue: here });

    before(async () => {
      surroundings = await surround();
      ours = startWorker(settings(), [], appFile);
      const python = { ...settings(), task_default_queue: there };
      theirs = startCelery(
        python,
        'worker',
        '-c',
        '1',
        '-P',
        'solo',
        '-l',
        'INFO',
        '-n',
        'py@test',
      );
      app = new Celery('client', settings());
      await ours.sees(/ ready\./);
      await eventually(() => assert.match(theirs.text, / ready\./), { seconds: 60 });
    });
    after(async () => {
      await app.close();
      ours.kill('SIGKILL');
      await Promise.all([ours.ended(), theirs.stop()]);
      await surroundings.stop();
    });

    const ts = (name: string, ...args: unknown[]) =>
      taskSignature(`f.${name}`, { args, options: { queue: here } });
    const py = (name: string, ...args: unknown[]) =>
      taskSignature(`py.${name}`, { args, options: { queue: there } });

    const send = async (signature: SignatureData) => {
      const result = await app[INTERNALS].apply.applySignature(signature, [], {});
      return result.get({ timeout: 30 }).catch((error: Error) => `${error.name}: ${error.message}`);
    };
    const sendInPython = (signatures: SignatureData[]) =>
      python<unknown[]>(
        SEND,
        { settings: settings(), signatures },
        { cwd: PYTHON_FIXTURES, timeout: 120 },
      );

    const values = (): [SignatureData, unknown][] => [
      [pipeAll([ts('add', 1, 1), py('add', 2), ts('add', 3), py('same')]), 7],
      [groupSignature([ts('add', 1, 1), py('add', 2, 2)]), [2, 4]],
      [chordSignature([ts('add', 1, 1), py('add', 2, 2)], py('sum')), 6],
      [chordSignature([py('add', 2, 2), ts('add', 1, 1)], ts('echo')), [4, 2]],
      [pipeAll([py('add', 1, 1), groupSignature([ts('add', 1), py('add', 2)]), ts('sum')]), 7],
      [
        pipeAll([
          ts('add', 1, 1),
          groupSignature([ts('add', 1), py('add', 2)]),
          py('sum'),
          ts('add', 1),
        ]),
        8,
      ],
      [
        chordSignature(
          [
            chordSignature([ts('add', 1, 1), py('add', 2, 2)], py('same')),
            py('add', 3, 3),
            ts('add', 4, 4),
          ],
          ts('echo'),
        ),
        [[2, 4], 6, 8],
      ],
      [
        chordSignature(
          [py('add', 3, 3), chordSignature([py('add', 1, 1), ts('add', 2, 2)], ts('sum'))],
          py('same'),
        ),
        [6, 6],
      ],
      [
        chordSignature(
          [chainSignature([py('add', 1, 1), ts('add', 2)]), ts('add', 1, 1)],
          py('sum'),
        ),
        6,
      ],
      [
        chordSignature(
          [ts('add', 1, 1), py('add', 2, 2)],
          chainSignature([ts('sum'), py('add', 1)]),
        ),
        7,
      ],
      [chordSignature([ts('replaces', py('add', 1, 1)), py('add', 2, 2)], ts('sum')), 6],
      [mapSignature(ts('echo'), [1, 2]), [1, 2]],
      [
        chunksSignature(
          ts('add'),
          [
            [1, 1],
            [2, 2],
            [3, 3],
          ],
          2,
        ),
        [[2, 4], [6]],
      ],
      [
        chordSignature([mapSignature(ts('echo'), [1, 2]), py('add', 1, 1)], py('same')),
        [[1, 2], 2],
      ],
    ];

    it('give the same values, whoever sent them', async () => {
      const cases = values();
      const signatures = cases.map(([signature]) => signature);
      const got = await Promise.all(signatures.map(send));
      assert.deepEqual(
        got,
        cases.map(([, value]) => value),
      );
      assert.deepEqual(await sendInPython(signatures), got);
    });

    it('give them also when what follows is stored, of which Python knows nothing', async t => {
      const storing = new Celery('client', { ...settings(), task_inline_workflow_size: 0 });
      t.after(() => storing.close());
      const cases = values();
      const results = await Promise.all(
        cases.map(([signature]) => storing[INTERNALS].apply.applySignature(signature, [], {})),
      );
      assert.deepEqual(
        await Promise.all(results.map(result => result.get({ timeout: 30 }))),
        cases.map(([, value]) => value),
      );
    });

    it('fail with the same errors', async () => {
      const notes = `${surroundings.dir}/${randomUUID()}`;
      const errback = taskSignature('f.errback', { args: [notes], options: { queue: here } });
      const replaced = { ...ts('replaces', ts('fail', 'mine')), immutable: true };
      const failing = [
        chordSignature([ts('fail', 'mine'), py('add', 1, 1)], linkError(py('sum'), errback)),
        chordSignature([py('fail', 'mine'), ts('add', 1, 1)], linkError(ts('sum'), errback)),
        pipeAll([py('add', 1, 1), linkError(replaced, errback), py('same')]),
        chordSignature(
          [chordSignature([py('fail', 'mine'), ts('add', 1, 1)], ts('sum')), py('add', 1, 1)],
          py('sum'),
        ),
      ];
      const expected = /^(RangeError|KeyError|ChordError): .*mine/;
      for (const text of await Promise.all(failing.map(send))) assert.match(String(text), expected);
      for (const text of await sendInPython(failing)) assert.match(String(text), expected);
      // three of each four have one, whoever ended the last part
      await eventually(async () => assert.equal((await lines(notes)).length, 6));
    });
  });
}

/** Celery's store of this kind does not count: a task looks at the results again and again. */
describe('chords of Python on a database', { skip }, () => {
  it('are completed, or given up, by our worker', async t => {
    const surroundings = await redisSurroundings();
    t.after(() => surroundings.stop());
    const settings = {
      ...surroundings.settings,
      result_backend: `db+sqlite:///${surroundings.dir}/results.sqlite`,
      task_default_queue: 'here',
    };
    const worker = startWorker(settings, [], appFile);
    t.after(() => {
      worker.kill('SIGKILL');
      return worker.ended();
    });
    await worker.sees(/ ready\./);
    const task = (name: string, ...args: unknown[]) => taskSignature(`f.${name}`, { args });
    const signatures = [
      chordSignature([task('add', 1, 1), task('slow', 2, 1.5)], task('echo')),
      chordSignature([task('add', 1, 1), task('fail', 'mine')], task('echo')),
    ];
    const sent = { settings, signatures };
    const got = await python<unknown[]>(SEND, sent, { cwd: PYTHON_FIXTURES, timeout: 90 });
    assert.deepEqual(got[0], [2, 2]);
    assert.match(String(got[1]), /RangeError: mine/);
    await worker.sees(/celery\.chord_unlock\[.*retry/);
    await worker.sees(/Chord of celery\.chord_unlock\[.*f\.echo will not run: Dependency/);
  });
});
