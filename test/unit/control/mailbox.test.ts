/** How long a caller waits for the replies of a fleet. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { INTERNALS } from '../../../src/app/app-internals.ts';
import { replyExchange } from '../../../src/control/entities.ts';
import { Celery } from '../../../src/index.ts';
import { controlNames } from '../../../src/wire/messages/control.ts';
import type { Message } from '../../../src/wire/messages/message.ts';

/** Seconds that no test would wait for. */
const LONG = 1000;
const SOON = { timeout: 20_000 };

/** An app with so many workers in this process. */
async function fleet(t: TestContext, workers: number): Promise<Celery> {
  const app = new Celery('c', { broker_url: 'memory://', task_default_queue: randomUUID() });
  const made = Array.from({ length: workers }, (_, n) =>
    app.worker({ pool: 'async', hostname: `w${n}@fleet`, loglevel: 'critical' }),
  );
  for (const worker of made) await worker.start();
  t.after(async () => {
    for (const worker of made) await worker.stop();
    await app.close();
  });
  return app;
}

describe('a caller of a fleet', () => {
  it('waits no longer than until all that heard it have answered', SOON, async t => {
    const app = await fleet(t, 3);

    const replies = await app.control.ping({ timeout: LONG });
    assert.deepEqual(replies.map(({ node }) => node).sort(), ['w0@fleet', 'w1@fleet', 'w2@fleet']);
    assert.deepEqual(Object.keys(await app.control.inspect({ timeout: LONG }).ping()).length, 3);
  });

  it('calls several times at once, and hears the replies to each', SOON, async t => {
    const app = await fleet(t, 2);

    const calls = Array.from({ length: 20 }, () => app.control.ping({ timeout: LONG }));
    for (const replies of await Promise.all(calls)) assert.equal(replies.length, 2);
    assert.equal((await app.control.ping({ timeout: LONG })).length, 2);
  });

  it('does not wait when nobody is there', SOON, async t => {
    const app = await fleet(t, 0);

    assert.deepEqual(await app.control.ping({ timeout: LONG }), []);
  });

  it('hears no answer in what somebody else sends to its queue, and goes on', SOON, async t => {
    const app = await fleet(t, 0);
    const oid = randomUUID();
    const transport = await app[INTERNALS].transport();
    const own = app[INTERNALS].mailbox({ transport, oid });
    const junk = ['{', '[]', '5', '"x"', 'null'].map(body => ({ body }));
    const strange = [
      { contentType: 'application/x-python-serialize' },
      { headers: { ticket: { toString: 1 } } },
    ];
    const message: Message = {
      ...{ body: '{}', bodyEncoding: 'utf-8', contentType: 'application/json' },
      ...{ contentEncoding: 'utf-8', headers: {}, properties: { delivery_mode: 1 } },
    };
    const worker = app.worker({ pool: 'async', hostname: 'w@fleet', loglevel: 'critical' });
    await worker.start();
    const asked = own.call('ping', {}, { timeout: LONG, limit: 1 });
    const to = {
      exchange: replyExchange(controlNames.replyExchange('celery')),
      routingKey: oid,
    };
    for (const part of [...junk, ...strange]) await transport.publish({ ...message, ...part }, to);

    assert.deepEqual(await asked, [{ node: 'w@fleet', value: { ok: 'pong' } }]);
    await worker.stop();
  });

  it(
    'reaches those who hear a revoke although the store of durable ones is away',
    SOON,
    async t => {
      const away = new Celery('c', {
        ...{ broker_url: 'memory://', task_default_queue: randomUUID() },
        ...{ result_backend: 'redis://127.0.0.1:1/', task_durable_revokes: true },
        result_backend_transport_options: { retry_policy: { max_retries: 0 } },
      });
      const lines: string[] = [];
      const log = (_level: string, line: string) => void lines.push(line);
      const worker = away.worker({ pool: 'async', hostname: 'w@away', log, loglevel: 'info' });
      await worker.start();
      t.after(async () => {
        await worker.stop();
        await away.close();
      });

      await assert.rejects(away.control.revoke('a'), { name: 'BackendStoreError' });
      await assert.rejects(away.control.broadcast('revoke', { task_id: 'b' }), {
        name: 'BackendStoreError',
      });
      await assert.rejects(away.control.call('terminate', { task_id: 'c', signal: 'TERM' }), {
        name: 'BackendStoreError',
      });

      assert.deepEqual(await away.control.inspect().revoked(), { 'w@away': ['a', 'b', 'c'] });
    },
  );

  it('hears at once that a pattern is none, from each method', async () => {
    const app = new Celery('c', { broker_url: 'memory://' });
    const options = { pattern: 'w[', matcher: 'pcre' } as const;
    const wrong = {
      name: 'TypeError',
      message: /^The option pattern of .* must be a regular expression .*, got 'w\['/,
    };

    assert.throws(() => app.control.inspect(options), wrong);
    await assert.rejects(app.control.ping(options), wrong);
    await assert.rejects(app.control.broadcast('heartbeat', {}, options), wrong);
    await assert.rejects(app.control.revoke('id', options), wrong);
    await assert.rejects(app.control.rateLimit('c.add', '1/s', options), wrong);
    await app.control.broadcast('heartbeat', {}, { pattern: 'w[', matcher: 'glob' });
    await app.close();
  });

  it('hears at once that a rate is none', async () => {
    const app = new Celery('c', { broker_url: 'memory://' });
    for (const rate of [-1, Number.NaN, '-1/s', '5/d', 'often']) {
      await assert.rejects(app.control.rateLimit('c.add', rate), {
        name: 'TypeError',
        message: /^rate_limit of rate_limit must be a rate such as /,
      });
    }
    for (const rate of [null, 0, 1.5, ' 5/m']) await app.control.rateLimit('c.add', rate);
    await app.close();
  });

  it('waits for those it names, and for no more', SOON, async t => {
    const app = await fleet(t, 3);

    const [one, ...others] = await app.control.ping({ timeout: LONG, destination: ['w1@fleet'] });
    assert.deepEqual([one!.node, others], ['w1@fleet', []]);
  });

  it('waits its time for one that does not answer', async t => {
    const app = await fleet(t, 2);

    const replies = await app.control.ping({ timeout: 0.1, destination: ['w1@fleet', 'x@fleet'] });
    assert.deepEqual(
      replies.map(({ node }) => node),
      ['w1@fleet'],
    );
  });

  it('gets an empty list when it does not ask for replies', async t => {
    const app = await fleet(t, 1);

    assert.deepEqual(await app.control.rateLimit('nobody', '1/s'), []);
    assert.deepEqual(await app.control.revoke('nobody'), []);
  });

  it('is told of a wrong argument before anything is sent', async t => {
    const app = await fleet(t, 0);

    await assert.rejects(
      app.control.poolGrow('2' as never),
      /n of pool_grow must be a whole number/,
    );
    await assert.rejects(app.control.timeLimit('t', { soft: -1 }), /soft of time_limit must be/);
    await assert.rejects(app.control.cancelConsumer(''), /queue of cancel_consumer must be/);
    assert.throws(() => app.control.inspect({ timout: 1 } as never), /Did you mean "?timeout/);
  });
});
