import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  type ControlEntities,
  controlExchange,
  inboxQueue,
  replyExchange,
  replyQueue,
} from '../../../src/control/entities.ts';
import { Celery, type CeleryConfig } from '../../../src/index.ts';

const entities: ControlEntities = {
  ...{ namespace: 'celery', ttl: 300, expires: 10 },
  ...{ exclusive: true, durable: false },
};

describe('the entities of remote control', () => {
  it('have the names that Python knows', () => {
    assert.deepEqual(
      [
        controlExchange('celery').name,
        replyExchange('reply.celery.pidbox').name,
        inboxQueue('w@h', entities).name,
        replyQueue('an-oid', entities).name,
      ],
      [
        ...['celery.pidbox', 'reply.celery.pidbox'],
        ...['w@h.celery.pidbox', 'an-oid.reply.celery.pidbox'],
      ],
    );
  });

  it('are told apart by control_exchange', () => {
    const other = { ...entities, namespace: 'other' };

    assert.equal(inboxQueue('w@h', other).name, 'w@h.other.pidbox');
    assert.equal(replyQueue('o', other).exchange.name, 'reply.other.pidbox');
  });

  it('forget what nobody takes, and go when nobody listens', () => {
    for (const queue of [inboxQueue('w@h', entities), replyQueue('o', entities)]) {
      const { autoDelete, noAck, messageTtl, expires } = queue;
      assert.deepEqual([autoDelete, noAck, messageTtl, expires], [true, true, 300, 10]);
    }
  });

  it('broadcast to nodes, and answer one caller', () => {
    assert.equal(inboxQueue('w@h', entities).exchange.type, 'fanout');
    const replies = replyQueue('o', entities);
    assert.deepEqual([replies.exchange.type, replies.routingKey], ['direct', 'o']);
  });

  it('are exclusive or durable as the settings say', () => {
    const durable = { ...entities, exclusive: false, durable: true };

    for (const queue of [inboxQueue('w@h', durable), replyQueue('o', durable)]) {
      assert.deepEqual([queue.exclusive, queue.durable], [false, true]);
    }
  });
});

describe('control_queue_durable', () => {
  const app = (settings: CeleryConfig) =>
    new Celery('c', {
      ...{ broker_url: 'memory://', task_default_queue: randomUUID(), ...settings },
    });

  it('together with control_queue_exclusive is refused, naming both', async t => {
    const both = app({ control_queue_durable: true });
    t.after(() => both.close());
    const refusal = {
      code: 'IMPROPERLY_CONFIGURED',
      message: /control_queue_exclusive and control_queue_durable exclude each other/,
    };

    await assert.rejects(both.control.ping({ timeout: 0.1 }), refusal);
    const worker = both.worker({ pool: 'async', withoutMingle: true });
    t.after(() => worker.stop());
    await assert.rejects(worker.start(), refusal);
  });

  it('alone is taken', async t => {
    const durable = app({ control_queue_durable: true, control_queue_exclusive: false });
    t.after(() => durable.close());
    const worker = durable.worker({ pool: 'async', hostname: 'w@h' });
    t.after(() => worker.stop());
    await worker.start();

    assert.deepEqual(await durable.control.ping({ timeout: 5 }), [
      { node: 'w@h', value: { ok: 'pong' } },
    ]);
  });
});
