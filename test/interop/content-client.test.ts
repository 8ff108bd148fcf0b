/** A Python client that sends in every serializer and compression to a worker of ours. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { python, pythonCelery } from '../support/python.ts';
import { redisSurroundings, withWorker } from '../support/worker.ts';

const skip = (await pythonCelery()) ? false : 'python3-celery is not installed';

const CLIENT = `
import itertools
from celery import Celery
app = Celery('py', broker=data['broker'], backend=data['backend'])
app.conf.update(task_default_queue=data['queue'], result_serializer='msgpack', accept_content=['json', 'msgpack'])
value = {'text': 'ü' * 200, 'list': [1, 1.5, None, True], 'long': 2 ** 53 + 1}
sent = {}
for serializer, compression in itertools.product(
        ['json', 'yaml', 'msgpack', 'pickle'], [None, 'zlib', 'bzip2', 'brotli', 'zstd', 'lzma']):
    sent[f'{serializer} {compression}'] = app.send_task(
        'w.echo', args=(value,), serializer=serializer, compression=compression)
out = {name: result.get(timeout=20) == value for name, result in sent.items()}
`;

describe('a Python client', { skip }, () => {
  it('may send in any serializer and compression, and reads results of another', async () => {
    const surroundings = await redisSurroundings();
    // the worker runs as whoever runs the tests
    process.env.C_FORCE_ROOT = '1';
    const settings = {
      accept_content: ['json', 'yaml', 'msgpack', 'pickle'],
      result_serializer: 'msgpack',
    };
    try {
      await withWorker(surroundings, { settings }, async bench => {
        const same = await python<Record<string, boolean>>(CLIENT, {
          broker: surroundings.settings.broker_url,
          backend: surroundings.settings.result_backend,
          queue: bench.queue,
        });

        assert.equal(Object.keys(same).length, 24);
        assert.deepEqual(
          Object.keys(same).filter(name => !same[name]),
          [],
        );
      });
    } finally {
      delete process.env.C_FORCE_ROOT;
      await surroundings.stop();
    }
  });
});
