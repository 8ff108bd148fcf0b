/** Chords of which Python Celery counts some parts and we the others. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { BackendOptions, ChordPart } from '../../src/backends/contract.ts';
import { openBackend } from '../../src/backends/open.ts';
import { DEFAULT_OPTIONS } from '../contract/backend.contract.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery, startCelery } from '../support/python.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';

const skip = (await pythonCelery()) ? false : 'Python Celery is not installed';

/** Sends a chord of two tasks in the queue `here`, of which the second may be in another queue. */
const SEND = `
import sys
sys.path.insert(0, os.getcwd())
os.environ['TEST_SETTINGS'] = json.dumps(data['settings'])
import python_app as py
from celery import chord
header = [py.add.s(1, 1), py.add.s(2, 2).set(queue=data['second'])]
if data.get('fails'):
    header[0] = py.fail.s('é')
result = chord(header)(py.echo.s())
out = {'body': result.id, 'group': result.parent.id, 'tasks': [one.id for one in result.parent]}
`;

interface Sent {
  body: string;
  group: string;
  tasks: [string, string];
}

describe('chords shared with Python Celery', { skip }, () => {
  let redis: RedisServer;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  async function setup(t: TestContext, options: Partial<BackendOptions> = {}) {
    const backend = await openBackend(redis.url, { ...DEFAULT_OPTIONS, ...options });
    t.after(() => backend.stop());
    assert.ok(backend.chords);
    const here = `here-${randomUUID()}`;
    const settings = {
      broker_url: redis.url,
      result_backend: redis.url,
      task_default_queue: here,
    };
    const send = (more: object = {}) =>
      python<Sent>(
        SEND,
        { settings, second: `elsewhere-${here}`, ...more },
        { cwd: new URL('../fixtures', import.meta.url).pathname },
      );
    const work = () => {
      const worker = startCelery(settings, 'worker', '-c', '1', '-P', 'solo', '-l', 'INFO');
      t.after(() => worker.stop());
      return worker;
    };
    return { backend, chords: backend.chords, client: redis.client(), here, send, work };
  }

  const part = (taskId: string, index: number, result: unknown): ChordPart => ({
    taskId,
    index,
    status: 'SUCCESS',
    result,
  });

  it('are completed by a Python worker after our part, also when that is told twice', async t => {
    const { backend, chords, send, work } = await setup(t);
    const { body, group, tasks } = await send();
    assert.deepEqual(await chords.progress(group), { size: 2, parts: [] });
    for (const _ of [1, 2]) {
      assert.equal(await chords.addPart(group, part(tasks[1], 1, 'ours')), undefined);
    }

    work();

    await eventually(
      async () => {
        const found = await backend.fetch(body);
        assert.deepEqual(found?.result, { args: [[2, 'ours']], kwargs: {} });
      },
      { seconds: 40 },
    );
    await eventually(async () => assert.equal(await chords.progress(group), undefined));
  });

  it('are completed by our part after one of a Python worker', async t => {
    const { backend, chords, client, send, work } = await setup(t);
    const { body, group, tasks } = await send();
    work();
    await eventually(
      async () => {
        const parts = (await chords.progress(group))?.parts;
        assert.deepEqual(parts, [part(tasks[0], 0, 2)]);
      },
      { seconds: 40 },
    );

    assert.equal(await chords.addPart(group, part(tasks[0], 0, 2)), undefined);
    const parts = await chords.addPart(group, part(tasks[1], 1, { ours: ['é', null] }));

    assert.deepEqual(parts, [part(tasks[0], 0, 2), part(tasks[1], 1, { ours: ['é', null] })]);
    await chords.close(group);
    const key = `celery-taskset-meta-${group}`;
    assert.equal(await client.exists(`${key}.j`, `${key}.s`, `${key}.t`), 0);
    assert.equal(await backend.fetch(body), undefined);
  });

  it('hold a failure of a Python worker as its result document does', async t => {
    const { backend, chords, send, work } = await setup(t);
    const { group, tasks } = await send({ fails: true });
    work();
    await eventually(async () => assert.equal((await chords.progress(group))?.parts.length, 1), {
      seconds: 40,
    });

    const parts = await chords.addPart(group, part(tasks[1], 1, 4));

    assert.equal(parts?.[0]?.status, 'FAILURE');
    assert.deepEqual(parts[0].result, (await backend.fetch(tasks[0]))?.result);
  });

  it('of which Python runs again what we told are not counted twice there', async t => {
    const { backend, chords, here, send, work } = await setup(t);
    const { body, group, tasks } = await send({ second: here });
    await chords.addPart(group, part(tasks[0], 0, 2));
    await chords.addPart(group, part(tasks[0], 0, 2));

    work();

    await eventually(
      async () => {
        const found = await backend.fetch(body);
        assert.deepEqual(found?.result, { args: [[2, 4]], kwargs: {} });
      },
      { seconds: 40 },
    );
    assert.equal(await chords.progress(group), undefined);
  });

  for (const ordered of [true, false]) {
    it(`have parts of the same text in both (result_chord_ordered: ${ordered})`, async t => {
      const transportOptions = { result_chord_ordered: ordered };
      const { chords, client } = await setup(t, { transportOptions });
      const results = {
        nothing: null,
        number: 1.5,
        whole: 3,
        large: 1e21,
        text: 'é "日本" \u{1F40D} \u0000 \\ /',
        nested: [[], {}, [1, { é: [true, false, null] }]],
      };
      const failure = { exc_type: 'KeyError', exc_message: ['é'], exc_module: 'builtins' };
      const [ours, theirs] = [randomUUID(), randomUUID()];
      for (const [place, [name, result]] of Object.entries(results).entries()) {
        await chords.addPart(ours, part(name, place, result));
      }
      await chords.addPart(ours, { ...part('failed', 9, failure), status: 'FAILURE' });

      await python(
        `
from celery import Celery
from celery.app.task import Context
app = Celery('interop', backend=data['url'], set_as_current=True)
app.conf.result_backend_transport_options = data['options']
results = list(data['results'].items())
for place, (name, result) in enumerate(results):
    request = Context(id=name, group=data['group'], group_index=place)
    app.backend.on_chord_part_return(request, 'SUCCESS', result)
request = Context(id='failed', group=data['group'], group_index=9)
app.backend.on_chord_part_return(request, 'FAILURE', KeyError('é'))
`,
        { url: redis.url, group: theirs, results, options: transportOptions },
      );

      const texts = async (group: string) => {
        const key = `celery-taskset-meta-${group}.j`;
        return ordered ? client.zrange(key, '0', '-1', 'WITHSCORES') : client.lrange(key, 0, -1);
      };
      assert.equal((await texts(ours)).length, ordered ? 14 : 7);
      assert.deepEqual(await texts(ours), await texts(theirs));
    });
  }
});
