import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  cameAttributes,
  runAttributes,
  sentAttributes,
  shownError,
} from '../../../src/tracing/attributes.ts';
import type { RunRequest, SentTask } from '../../../src/tracing/contract.ts';

const SENT: SentTask = {
  task: 't',
  id: 'id-1',
  headers: {},
  exchange: '',
  exchangeType: 'direct',
  routingKey: 'celery',
};

const REQUEST: RunRequest = {
  id: 'id-1',
  correlationId: 'id-1',
  replyTo: 'reply',
  retries: 0,
  eta: null,
  expires: null,
  timelimit: [null, null],
  compression: null,
  origin: 'gen1@client',
  hostname: 'celery@worker',
  deliveryInfo: { routing_key: 'celery' },
};

const ofRun = (request: Partial<RunRequest>) =>
  runAttributes({ request: { ...REQUEST, ...request }, state: 'SUCCESS' });

describe('attributes of a span of publishing', () => {
  it("have the names and values of Python's instrumentation", () => {
    assert.deepEqual(sentAttributes(SENT, 'redis'), {
      'celery.action': 'apply_async',
      'celery.task_name': 't',
      'messaging.message.id': 'id-1',
      'messaging.destination': 'celery',
      'messaging.destination_kind': 'queue',
      'messaging.system': 'redis',
    });
  });

  it('name exchanges, and say of topics that they are', () => {
    const topic = { ...SENT, exchange: 'news', exchangeType: 'topic', routingKey: 'a.b' };
    const sent = sentAttributes(topic, 'rabbitmq');
    const toAll = sentAttributes({ ...topic, exchangeType: 'fanout', routingKey: '' }, 'rabbitmq');

    assert.equal(sent['celery.exchange'], 'news');
    assert.equal(sent['messaging.destination'], 'a.b');
    assert.equal(sent['messaging.destination_kind'], 'topic');
    assert.ok(!('messaging.destination_kind' in toAll));
    assert.ok(!('messaging.destination' in toAll));
  });

  it('are cut when they are long', () => {
    const sent = sentAttributes({ ...SENT, routingKey: 'k'.repeat(5000) }, 'redis');

    assert.equal(String(sent['messaging.destination']).length, 1024);
    assert.match(String(sent['messaging.destination']), /^k+\.\.\.$/);
  });
});

describe('attributes of a span of a run', () => {
  it('are known to samplers as far as they do not need the body', () => {
    const came = { task: 't', headers: {}, isEager: false };
    assert.deepEqual(cameAttributes(came, 'run', 'redis'), {
      'celery.action': 'run',
      'celery.task_name': 't',
      'messaging.system': 'redis',
    });
    assert.ok(!('messaging.system' in cameAttributes({ ...came, isEager: true }, 'run', 'redis')));
  });

  it("have the names and values of Python's instrumentation", () => {
    assert.deepEqual(ofRun({}), {
      'celery.state': 'SUCCESS',
      'messaging.message.id': 'id-1',
      'messaging.conversation_id': 'id-1',
      'messaging.destination': 'celery',
      'celery.delivery_info': "{'routing_key': 'celery'}",
      'celery.hostname': 'gen1@client',
      'celery.reply_to': 'reply',
    });
  });

  it('tell of retries, moments, limits and compression only where there are some', () => {
    const attributes = ofRun({
      retries: 2,
      eta: '2026-01-01T00:00:00+00:00',
      expires: '2026-01-02T00:00:00+00:00',
      timelimit: [20, 10],
      compression: 'application/x-gzip',
    });

    assert.equal(attributes['celery.retries'], 2);
    assert.equal(attributes['celery.eta'], '2026-01-01T00:00:00+00:00');
    assert.equal(attributes['celery.expires'], '2026-01-02T00:00:00+00:00');
    assert.deepEqual(attributes['celery.timelimit'], [20, 10]);
    assert.equal(attributes['celery.compression'], 'application/x-gzip');
  });

  it('show one limit without the other as texts, as values of one type are asked for', () => {
    assert.deepEqual(ofRun({ timelimit: [null, 10] })['celery.timelimit'], ['', '10']);
    assert.deepEqual(ofRun({ timelimit: [10, null] })['celery.timelimit'], ['10', '']);
  });

  it('name the worker when nobody says who sent it', () => {
    assert.equal(ofRun({ origin: '' })['celery.hostname'], 'celery@worker');
    assert.equal(ofRun({ origin: null, hostname: null })['celery.hostname'], undefined);
  });

  it('are few when the message could not be read', () => {
    assert.deepEqual(runAttributes({ request: undefined, state: 'FAILURE' }), {
      'celery.state': 'FAILURE',
    });
  });

  it('cut the reason of a retry, and the texts of an error', () => {
    const long = 'x'.repeat(100_000);
    const end = { request: undefined, state: 'RETRY', retryReason: long };
    const error = shownError({ name: long, message: long, stack: long });

    assert.equal(String(runAttributes(end)['celery.retry.reason']).length, 1024);
    assert.deepEqual([error.name.length, error.message.length], [1024, 16384]);
    assert.equal(error.stack.length, 16384);
  });
});
