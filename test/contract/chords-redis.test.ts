import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { BackendOptions, ChordPart, ChordStore } from '../../src/backends/contract.ts';
import { openBackend } from '../../src/backends/open.ts';
import { chordTeller } from '../support/chord-teller.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { DEFAULT_OPTIONS } from './backend.contract.ts';
import { chordContract, part } from './chords.contract.ts';

let redis: RedisServer;
before(async () => {
  redis = await startRedis({ password: 's3cret' });
});
after(() => redis.stop());

const LIST = { result_chord_ordered: false };

async function openChords(
  t: TestContext,
  options: Partial<BackendOptions> = {},
  url = redis.url,
): Promise<ChordStore> {
  const backend = await openBackend(url, { ...DEFAULT_OPTIONS, ...options });
  t.after(() => backend.stop());
  assert.ok(backend.chords);
  return backend.chords;
}

for (const [name, fixed] of [
  ['redis', {}],
  ['redis (lists)', { transportOptions: LIST }],
  ['redis (pickle)', { serializer: 'pickle' }],
] as const) {
  chordContract(name, async t => {
    // a prefix of its own: the server is shared
    const prefix = { global_keyprefix: randomUUID() };
    const transportOptions = { ...prefix, ...('transportOptions' in fixed ? LIST : {}) };
    const all = { ...fixed, transportOptions };
    return {
      keepsOrder: !('transportOptions' in fixed),
      open: async options => {
        const backend = await openBackend(redis.url, { ...DEFAULT_OPTIONS, ...all, ...options });
        t.after(() => backend.stop());
        return backend;
      },
      otherProcess: options => chordTeller(t, redis.url, { ...all, ...options }),
    };
  });
}

interface Golden {
  readonly redis_commands: readonly (readonly [string, readonly string[]])[];
}

/** Every command about the keys of a chord that Python's client and worker sent, in their order. */
function pythonsCommands(name: string): string[][] {
  const url = new URL(`../golden/redis-5.6.3/run/${name}.json`, import.meta.url);
  const { redis_commands } = JSON.parse(readFileSync(url, 'utf8')) as Golden;
  return redis_commands
    .map(([, command]) => [...command])
    .filter(([verb, key]) => /taskset-meta-.*\.[jst]$/.test(key ?? '') && !/TYPE|TTL/.test(verb!));
}

const groupOf = (command: readonly string[]) => /meta-(.*)\..$/.exec(command[1]!)![1]!;

describe('redis chords shared with Python', () => {
  it('have the keys, texts and lifetimes that Python writes', async t => {
    const group = randomUUID();
    const chords = await openChords(t, {
      expires: 1000,
      transportOptions: { global_keyprefix: 'x' },
    });
    const client = redis.client();
    const key = `x_celery-taskset-meta-${group}`;

    await chords.setSize(group, 4);
    await chords.grow(group, 2);
    await chords.addPart(group, part('b', 1, { é: [1, 2.5, null] }));
    await chords.addPart(group, part('c', null, 'x'));

    assert.equal(await client.get(`${key}.s`), '4');
    assert.equal(await client.get(`${key}.t`), '2');
    assert.deepEqual(await client.zrange(`${key}.j`, '0', '-1', 'WITHSCORES'), [
      '[1, "b", "SUCCESS", {"\\u00e9": [1, 2.5, null]}]',
      '1',
      '[1, "c", "SUCCESS", "x"]',
      'inf',
    ]);
    for (const letter of 'jst') assert.equal(await client.ttl(`${key}.${letter}`), 1000);
    for (const found of await client.keys(`${key}*`)) assert.ok((await client.ttl(found)) > 0);
  });

  it('leave nothing but a mark when they are closed, which expires also without result_expires', async t => {
    const group = randomUUID();
    const chords = await openChords(t, { expires: null });
    const client = redis.client();
    const key = `celery-taskset-meta-${group}`;
    await chords.grow(group, 0);
    await chords.setSize(group, 1);
    await chords.addPart(group, part('a', 0));
    assert.equal(await client.ttl(`${key}.s`), -1);

    await chords.close(group);

    assert.deepEqual(await client.keys(`${key}*`), [`${key}.tscelery.closed`]);
    assert.ok((await client.ttl(`${key}.tscelery.closed`)) > 0);
  });

  for (const name of ['chord', 'chord_fail', 'chord_of_groups']) {
    it(`have the keys of Python's run "${name}" when the same parts end`, async t => {
      const chords = await openChords(t);
      const client = redis.client();
      const commands = pythonsCommands(name);
      const writes = commands.filter(([verb]) => verb === 'SETEX' || verb === 'ZADD');
      assert.ok(writes.length >= 3);

      const complete = new Map<string, readonly ChordPart[]>();
      for (const command of writes) {
        const [verb, , score, text] = command as [string, string, string, string];
        const group = groupOf(command);
        if (verb === 'SETEX') {
          await chords.setSize(group, Number(text));
          continue;
        }
        const [, taskId, status, result] = JSON.parse(text);
        const parts = await chords.addPart(group, { taskId, index: Number(score), status, result });
        if (parts) complete.set(group, parts);
      }

      for (const [verb, key, score, text] of writes as [string, string, string, string][]) {
        if (verb === 'SETEX') assert.equal(await client.get(key), text);
        else assert.equal(await client.zscore(key, text), score);
      }
      const groups = new Set(writes.map(groupOf));
      assert.deepEqual(new Set(complete.keys()), groups);
      for (const group of groups) await chords.close(group);
      for (const [verb, key] of commands) {
        if (verb === 'DEL') assert.equal(await client.exists(key!), 0);
      }
    });
  }

  for (const [form, transportOptions] of [
    ['sorted sets', {}],
    ['lists', LIST],
  ] as const) {
    /** As Python's worker, in one transaction. */
    const tellAsPython = async (group: string, index: number | '+inf', text: string) => {
      const key = `celery-taskset-meta-${group}`;
      const add = redis.client().multi();
      if (transportOptions === LIST) add.rpush(`${key}.j`, text).llen(`${key}.j`);
      else add.zadd(`${key}.j`, index, text).zcount(`${key}.j`, '-inf', '+inf');
      const replies = await add.get(`${key}.t`).get(`${key}.s`).expire(`${key}.j`, 600).exec();
      return replies?.[1]?.[1];
    };

    it(`are complete with parts of Python (${form})`, async t => {
      const chords = await openChords(t, { transportOptions });
      const group = randomUUID();
      await redis.client().setex(`celery-taskset-meta-${group}.s`, 600, '3');
      await redis.client().incrby(`celery-taskset-meta-${group}.t`, 1);
      await tellAsPython(group, 1, '[1, "b", "SUCCESS", {"n": NaN}]');
      assert.equal(await chords.addPart(group, part('a', 0)), undefined);
      await tellAsPython(
        group,
        '+inf',
        '[1, "d", "FAILURE", {"exc_type": "E", "exc_message": [1], "exc_module": "m"}]',
      );

      const parts = (await chords.addPart(group, part('c', 2))) ?? [];

      const byId = Object.fromEntries(parts.map(each => [each.taskId, each]));
      assert.deepEqual(Object.keys(byId).sort(), ['a', 'b', 'c', 'd']);
      assert.deepEqual(byId.b?.result, { n: Number.NaN });
      assert.equal(byId.d?.status, 'FAILURE');
      assert.deepEqual(byId.d.result, { exc_type: 'E', exc_message: [1], exc_module: 'm' });
      assert.equal(byId.b?.index, transportOptions === LIST ? null : 1);
    });

    it(`count a task once that Python and we tell, in whichever words (${form})`, async t => {
      const chords = await openChords(t, { transportOptions });
      const [same, other] = [randomUUID(), randomUUID()];
      const client = redis.client();
      for (const group of [same, other]) await chords.setSize(group, 3);
      await tellAsPython(same, 0, '[1, "a", "SUCCESS", "a"]');
      await tellAsPython(other, 0, '[1, "a", "FAILURE", "of Python"]');

      await chords.addPart(same, part('a', 0));
      await chords.addPart(other, part('a', 0));
      await chords.addPart(other, part('b', 1));

      const count = async (group: string) => {
        const key = `celery-taskset-meta-${group}.j`;
        return transportOptions === LIST ? client.llen(key) : client.zcard(key);
      };
      assert.deepEqual([await count(same), await count(other)], [1, 2]);
      const parts = (await chords.addPart(other, part('c', 2))) ?? [];
      assert.equal(parts.find(({ taskId }) => taskId === 'a')?.result, 'of Python');
    });

    it(`count a task once of which Python told two outcomes (${form})`, async t => {
      const chords = await openChords(t, { transportOptions });
      const group = randomUUID();
      await chords.setSize(group, 2);
      await tellAsPython(group, 0, '[1, "a", "FAILURE", 1]');
      await tellAsPython(group, 0, '[1, "a", "SUCCESS", 2]');
      assert.equal(await chords.addPart(group, part('a', 0)), undefined);

      const parts = await chords.addPart(group, part('b', 1));

      assert.deepEqual(
        parts?.map(({ taskId, status }) => [taskId, status]),
        [
          ['a', 'SUCCESS'],
          ['b', 'SUCCESS'],
        ],
      );
    });

    it(`that Python's late parts come to have no size any more (${form})`, async t => {
      const chords = await openChords(t, { transportOptions, chordLease: 0.01 });
      const group = randomUUID();
      await chords.setSize(group, 1);
      await chords.addPart(group, part('a', 0));
      await chords.close(group);

      await tellAsPython(group, 0, '[1, "a", "SUCCESS", "a"]');

      assert.equal(await redis.client().get(`celery-taskset-meta-${group}.s`), null);
      assert.equal(await chords.addPart(group, part('a', 0)), undefined);
    });
  }

  it('that Python has closed are not completed by a late part', async t => {
    const chords = await openChords(t);
    const group = randomUUID();
    const key = `celery-taskset-meta-${group}`;
    await chords.setSize(group, 2);
    await chords.addPart(group, part('a', 0));
    await redis.client().del(`${key}.j`, `${key}.t`, `${key}.s`);

    assert.equal(await chords.addPart(group, part('a', 0)), undefined);
    assert.equal(await chords.addPart(group, part('b', 1)), undefined);
  });

  it('that hold what nobody can read say so by name', async t => {
    const chords = await openChords(t);
    const group = randomUUID();
    await chords.setSize(group, 1);
    await redis.client().zadd(`celery-taskset-meta-${group}.j`, 0, 'no part');

    await assert.rejects(chords.progress(group), { name: 'BackendGetMetaError', taskId: group });
    await assert.rejects(chords.addPart(group, part('a', 0)), { name: 'BackendGetMetaError' });
  });
});

describe('redis chords in trouble', () => {
  it('count a part that is told again after its key held something else', async t => {
    const chords = await openChords(t);
    const group = randomUUID();
    const key = `celery-taskset-meta-${group}`;
    await chords.setSize(group, 1);
    await redis.client().rpush(`${key}.j`, 'of another setting');

    await assert.rejects(chords.addPart(group, part('a', 0)), {
      name: 'BackendStoreError',
      message: /for the chord .* WRONGTYPE/,
      recoverable: false,
    });
    await redis.client().del(`${key}.j`);

    assert.deepEqual(await chords.addPart(group, part('a', 0)), [part('a', 0)]);
  });

  it('are complete once although connections are killed while parts are told', async t => {
    const server = await startRedis();
    t.after(() => server.stop());
    const [one, other] = [await openChords(t, {}, server.url), await openChords(t, {}, server.url)];
    const parts = Array.from({ length: 500 }, (_, place) => part(`t${place}`, place));
    const group = randomUUID();
    await one.setSize(group, parts.length + 50);

    const told: Promise<readonly ChordPart[] | undefined>[] = [];
    const grown: Promise<void>[] = [];
    for (const [i, each] of parts.entries()) {
      told.push((i % 2 ? one : other).addPart(group, each));
      if (i % 50 === 0) grown.push(one.grow(group, 1));
      if (i % 100 === 99) {
        await server.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      }
      if (i % 10 === 0) await new Promise(done => setImmediate(done));
    }
    assert.deepEqual((await Promise.all(told)).filter(Boolean), []);
    await Promise.all(grown);
    assert.equal((await one.progress(group))?.size, 560);
    const more = Array.from({ length: 60 }, (_, place) => part(`more${place}`));
    const got = await Promise.all(more.map(each => one.addPart(group, each)));
    assert.deepEqual(
      got.filter(Boolean).map(found => found?.length),
      [560],
    );
  });

  it('give the parts to the caller whose reply was lost on the way', async t => {
    const proxy = await startTcpProxy(redis.port);
    t.after(() => proxy.close());
    const url = redis.url.replace(`:${redis.port}`, `:${proxy.port}`);
    const chords = await openChords(t, {}, url);
    const group = randomUUID();
    await chords.setSize(group, 1);

    let lost = 0;
    proxy.watch((bytes, from) => {
      if (lost > 0 || from === 'client' || !bytes.includes('SUCCESS')) return 'pass';
      lost++;
      return 'reset';
    });
    const parts = await chords.addPart(group, part('a', 0));

    assert.equal(lost, 1);
    assert.deepEqual(parts, [part('a', 0)]);
  });

  it('grow once when the reply to that was lost on the way', async t => {
    const proxy = await startTcpProxy(redis.port);
    t.after(() => proxy.close());
    const url = redis.url.replace(`:${redis.port}`, `:${proxy.port}`);
    const chords = await openChords(t, {}, url);
    const group = randomUUID();
    await chords.setSize(group, 1);

    let state: 'before' | 'asked' | 'lost' = 'before';
    proxy.watch((bytes, from) => {
      if (state === 'before' && from === 'client' && bytes.includes(group)) state = 'asked';
      else if (state === 'asked' && from === 'server' && !bytes.includes('NOSCRIPT')) {
        state = 'lost';
        return 'reset';
      }
      return 'pass';
    });
    await chords.grow(group, 3);

    assert.equal(state, 'lost');
    assert.equal((await chords.progress(group))?.size, 4);
  });

  it('fail by name, without a password, when the server is not there', async t => {
    const server = await startRedis();
    await server.stop();
    const transportOptions = { retry_policy: { max_retries: 1, interval_start: 0 } };
    const url = server.url.replace('redis://', 'redis://:s3cret@');
    const chords = await openChords(t, { transportOptions }, url);

    await assert.rejects(chords.addPart('g', part('a', 0)), (error: Error) => {
      assert.equal(error.name, 'BackendStoreError');
      assert.match(error.message, /result of a for the chord g/);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
    for (const call of [chords.setSize('g', 1), chords.grow('g', 1), chords.close('g')]) {
      await assert.rejects(call, { name: 'BackendStoreError' });
    }
    await assert.rejects(chords.progress('g'), { name: 'BackendGetMetaError' });
  });
});
