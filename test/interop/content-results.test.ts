/** Results on Redis by `result_serializer`: Python reads what we store, and the reverse. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { ResultBackend } from '../../src/backends/contract.ts';
import { openBackend } from '../../src/backends/open.ts';
import { encodeException } from '../../src/wire/results/exception.ts';
import type { ResultMeta } from '../../src/wire/results/result-meta.ts';
import { DEFAULT_OPTIONS, meta } from '../contract/backend.contract.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery } from '../support/python.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';

const skip = (await pythonCelery()) ? false : 'python3-celery is not installed';

const SERIALIZERS = ['yaml', 'msgpack', 'pickle'];
const VALUE = {
  text: 'ü',
  list: [1, 1.5, null, true],
  long: 2 ** 40,
  bytes: Buffer.from([0, 255]),
};

const PYTHON = `
from celery import Celery
from celery.result import GroupResult
value = {'text': 'ü', 'list': [1, 1.5, None, True], 'long': 2 ** 40, 'bytes': b'\\x00\\xff'}
out = {}
for name, ids in data['ids'].items():
    app = Celery(name, backend=data['url'], set_as_current=True)
    app.conf.update(result_serializer=name, result_accept_content=[name])
    done, failed = app.AsyncResult(ids['done']), app.AsyncResult(ids['failed'])
    group = app.GroupResult.restore(ids['group'])
    out[name] = {
        'done': [done.state, done.result == value],
        'failed': [failed.state, type(failed.result).__name__, list(failed.result.args), failed.traceback],
        'group': [member.id for member in group.results],
    }
    app.backend.store_result(ids['theirs'], value, 'SUCCESS')
    app.backend.mark_as_failure(ids['their_failure'], ValueError('theirs', 5), traceback='line 1')
    app.backend.save_group(ids['their_group'], app.GroupResult(ids['their_group'], [app.AsyncResult('a'), app.AsyncResult('b')]))
`;

interface Read {
  readonly done: [state: string, same: boolean];
  readonly failed: [state: string, name: string, args: unknown[], traceback: string];
  readonly group: string[];
}

describe('results stored by another serializer', { skip }, () => {
  let server: RedisServer;
  const backends = new Map<string, ResultBackend>();
  const ids = new Map<string, Record<string, string>>();
  const heard = new Map<string, ResultMeta>();
  let answer: Record<string, Read>;

  before(async () => {
    server = await startRedis();
    for (const serializer of SERIALIZERS) {
      const options = { ...DEFAULT_OPTIONS, serializer, accept: [serializer] };
      const backend = await openBackend(server.url, options);
      const names = ['done', 'failed', 'group', 'theirs', 'their_failure', 'their_group'];
      const own = Object.fromEntries(names.map(name => [name, randomUUID()]));
      backends.set(serializer, backend);
      ids.set(serializer, own);
      const failure = encodeException(new TypeError('ours'));
      await backend.store(meta(own.done!, 'SUCCESS', VALUE));
      await backend.store({ ...meta(own.failed!, 'FAILURE', failure), traceback: 'our line' });
      const members = ['a', 'b'].map(id => [[id, null], null]);
      await backend.storeGroup(own.group!, [[own.group, null], members]);
      await backend.subscribe(own.theirs!, stored => heard.set(serializer, stored));
    }
    answer = await python(PYTHON, { url: server.url, ids: Object.fromEntries(ids) });
  });
  after(async () => {
    for (const backend of backends.values()) await backend.stop();
    await server.stop();
  });

  for (const serializer of SERIALIZERS) {
    it(`are read by Python: ${serializer}`, () => {
      const { done, failed, group } = answer[serializer]!;

      assert.deepEqual(done, ['SUCCESS', true]);
      assert.deepEqual(failed, ['FAILURE', 'TypeError', ['ours'], 'our line']);
      assert.deepEqual(group, ['a', 'b']);
    });

    it(`are read from Python: ${serializer}`, async () => {
      const backend = backends.get(serializer)!;
      const { theirs, their_failure, their_group } = ids.get(serializer)!;

      const done = await backend.fetch(theirs!);
      const failed = await backend.fetch(their_failure!);
      const group = await backend.fetchGroup(their_group!);

      assert.equal(done?.status, 'SUCCESS');
      assert.deepEqual(done.result, VALUE);
      assert.equal(failed?.status, 'FAILURE');
      const { exc_type, exc_message } = failed.result as Record<string, unknown>;
      assert.deepEqual([exc_type, exc_message], ['ValueError', ['theirs', 5]]);
      assert.equal(failed.traceback, 'line 1');
      const members = ['a', 'b'].map(id => [[id, null], null]);
      assert.deepEqual(group, [[their_group, null], members]);
    });

    it(`are heard of when Python stores them: ${serializer}`, async () => {
      await eventually(() => assert.deepEqual(heard.get(serializer)?.result, VALUE));
    });
  }
});
