import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openElection } from '../../src/beat/leader/open.ts';
import { SqliteElection } from '../../src/beat/leader/sqlite.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { type SharedRabbitmq, shareRabbitmq } from '../support/shared-rabbitmq.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { electionContract, LEASE, open } from './election.contract.ts';

let redis: RedisServer;
let rabbitmq: SharedRabbitmq;
before(async () => {
  [redis, rabbitmq] = await Promise.all([startRedis({ password: 's3cret' }), shareRabbitmq()]);
});
after(async () => {
  await Promise.all([redis.stop(), rabbitmq.stop()]);
});

const proxied = (t: TestContext, text: string) => async () => {
  const url = new URL(text);
  const proxy = await startTcpProxy(Number(url.port));
  t.after(() => proxy.close());
  url.port = String(proxy.port);
  return { url: url.href, proxy };
};

const folder = async (t: TestContext) => {
  const made = await mkdtemp(join(tmpdir(), 'tscelery-election-'));
  t.after(() => rm(made, { recursive: true }));
  return made;
};

electionContract('Redis', true, async t => ({ url: redis.url, proxy: proxied(t, redis.url) }));
electionContract('RabbitMQ', true, async t => ({
  url: rabbitmq.url,
  proxy: proxied(t, rabbitmq.url),
}));
electionContract('SQLite', false, async t => ({
  url: `sqlite:///${join(await folder(t), 'beat.db')}`,
}));

describe('what an election leaves behind', () => {
  it('in Redis ends by itself', async t => {
    const name = randomUUID();
    const election = await open(t, redis.url, name);
    const lease = (await election.acquire('one'))!;
    await lease.claim([{ name: 'a', slot: 1, totalRunCount: 1, id: 'x' }], []);
    const client = redis.client();

    const keys = await client.keys(`tscelery-beat:${name}:*`);

    assert.deepEqual(
      keys.sort(),
      ['claims', 'leader', 'token'].map(part => `tscelery-beat:${name}:${part}`),
    );
    const ttl = await Promise.all(keys.map(key => client.ttl(key)));
    assert.ok(
      ttl.every(seconds => seconds > 0),
      `${ttl}`,
    );
    assert.ok(ttl[1]! <= LEASE);
    await lease.release();
    assert.equal(await client.exists(`tscelery-beat:${name}:leader`), 0);
  });

  it('in RabbitMQ are few messages, however much was claimed', async t => {
    const name = randomUUID();
    const election = await open(t, rabbitmq.url, name, 12);
    const lease = (await election.acquire('one'))!;

    for (let slot = 1; slot <= 300; slot++) {
      const claim = { name: `entry ${slot % 3}`, slot, totalRunCount: slot, id: `${slot}` };
      await lease.claim([claim], [claim.name]);
    }
    await lease.release();

    const [queue] = (await rabbitmq.queues()).filter(({ name: each }) => each.endsWith(name));
    assert.ok(queue!.messages <= 4, `${queue!.messages} messages`);
  });
});

describe('a lease in an SQLite file', () => {
  const start = async (t: TestContext) => {
    const url = `sqlite:///${join(await folder(t), 'beat.db')}`;
    const clock = new FakeClock();
    // whoever sets it does not move the monotonic one
    const wall = { shift: 0 };
    const shifted = {
      now: () => clock.now() + wall.shift,
      monotonic: () => clock.monotonic(),
      after: clock.after.bind(clock),
      every: clock.every.bind(clock),
    };
    const make = async () => {
      const election = new SqliteElection(url, { name: 'x', clock: shifted });
      await election.start();
      t.after(() => election.stop());
      return election;
    };
    return { clock, wall, first: await make(), second: await make() };
  };

  it('ends after 12 seconds without a renewal', async t => {
    const { clock, first, second } = await start(t);
    const lease = (await first.acquire('one'))!;

    await clock.advance(11);
    assert.equal(await second.acquire('two'), undefined);
    assert.equal(await lease.renew(), true);
    await clock.advance(11);
    assert.equal(await second.acquire('two'), undefined);
    await clock.advance(1);
    assert.ok(await second.acquire('two'));
    assert.equal(await lease.renew(), false);
  });

  it('ends in time when the clock was set back an hour', async t => {
    const { clock, wall, first, second } = await start(t);
    const lease = (await first.acquire('one'))!;

    wall.shift = -3600;
    assert.equal(await second.acquire('two'), undefined);
    await clock.advance(11);
    assert.equal(await second.holder(), 'one');
    assert.equal(await lease.renew(), true);
    assert.equal(await second.acquire('two'), undefined);
    await clock.advance(11);
    assert.equal(await second.acquire('two'), undefined);
    await clock.advance(1);
    const next = await second.acquire('two');
    assert.ok(next!.token > lease.token);
    assert.equal(await lease.renew(), false);
  });

  it('is extended late when nobody has been elected meanwhile', async t => {
    const { clock, first, second } = await start(t);
    const lease = (await first.acquire('one'))!;

    await clock.advance(100);

    assert.equal(await lease.renew(), true);
    assert.equal(await second.acquire('two'), undefined);
  });
});

describe('a URL that cannot elect a leader', () => {
  const settings = { transportOptions: {}, connectTimeout: 4, useSsl: false };
  const refused = (url: string, message: RegExp) =>
    assert.rejects(openElection(url, { name: 'x', settings }), {
      code: 'IMPROPERLY_CONFIGURED',
      message,
    });

  it('is refused with those that can', async () => {
    await refused('sqs://key:s3cret@', /^"sqs:\/\/key:\*\*@" cannot elect.*What can: redis, /);
    await refused('redi://host', /Did you mean "?redis"?/i);
    await refused('sqlite://', /takes a file in which all of them write/);
    await refused('redis://host/0?heartbaet=1', /heartbaet/);
  });
});
