import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ImproperlyConfigured } from '../../../../src/base/errors.ts';
import {
  AccessRefused,
  ChannelError,
  ConnectionClosed,
  OperationalError,
} from '../../../../src/drivers/errors.ts';
import {
  connectError,
  isRefusal,
  isUnsupported,
  operationError,
  replyCode,
} from '../../../../src/messaging/amqp/errors.ts';
import { replyError, URLS } from './made-channel.ts';

const coded = (code: unknown) => Object.assign(new Error('x'), { code });

describe('what the broker answers', () => {
  for (const [error, code, refused] of [
    [coded(403), 403, true],
    [coded(404), 404, true],
    [coded(406), 406, true],
    [coded(540), 540, true],
    [coded(311), 311, false],
    [coded(320), 320, false],
    [coded(541), 541, false],
    [coded('ECONNRESET'), undefined, false],
    [new Error('x'), undefined, false],
    [null, undefined, false],
    [undefined, undefined, false],
  ] as const) {
    const shown = (error as { code?: unknown } | null | undefined)?.code ?? String(error);
    test(`${shown} is ${refused ? 'a refusal' : 'no refusal'}`, () => {
      assert.deepEqual([replyCode(error), isRefusal(error)], [code, refused]);
    });
  }

  test('tells what it cannot do from what it will not do', () => {
    assert.deepEqual(
      [540, 404].map(code => isUnsupported(coded(code))),
      [true, false],
    );
  });
});

describe('an operation that failed', () => {
  const failed = (error: unknown) => operationError(error, 'publishing', URLS);

  test('is refused for good in the words of the broker', () => {
    const cause = replyError(406, "PRECONDITION_FAILED - inequivalent arg 'x' for queue 'q'");

    const error = failed(cause);

    assert.ok(error instanceof ChannelError);
    assert.equal(
      error.message,
      "Error publishing: PRECONDITION_FAILED - inequivalent arg 'x' for queue 'q'.",
    );
    assert.equal(error.cause, cause);
  });

  test('may be forbidden to this user alone', () => {
    assert.ok(failed(replyError(403, 'ACCESS_REFUSED - no')) instanceof AccessRefused);
  });

  test('may be worth another try when the broker is to blame, or the connection', () => {
    for (const error of [replyError(541, 'INTERNAL_ERROR - oops'), new Error('socket hang up')]) {
      assert.ok(failed(error) instanceof OperationalError);
    }
  });

  test('keeps an error of ours as it is', () => {
    for (const error of [
      new OperationalError('a'),
      new ChannelError('b'),
      new ConnectionClosed('c'),
    ]) {
      assert.equal(failed(error), error);
    }
  });

  test('shows no password, wherever it stands', () => {
    const { message } = failed(new Error('cannot reach amqp://me:secret@broker/vhost'));

    assert.equal(message, 'Error publishing: cannot reach amqp://me:**@broker/vhost');
  });

  test('has a text whatever was thrown', () => {
    assert.equal(failed('no error at all').message, 'Error publishing: no error at all');
    assert.equal(failed(coded('EPIPE')).message, 'Error publishing: x');
    const bare = Object.assign(new Error(), { code: 'ECONNREFUSED' });
    assert.equal(failed(bare).message, 'Error publishing: ECONNREFUSED');
  });

  test('tells of the first address when several were tried', () => {
    const all = new AggregateError([new Error('connect ECONNREFUSED ::1:5672'), new Error('b')]);

    assert.equal(failed(all).message, 'Error publishing: connect ECONNREFUSED ::1:5672');
  });
});

describe('a connection that could not be made', () => {
  const failed = (error: unknown) => connectError(error, URLS, 'vhost');

  test('may fail for good, when the broker refuses the login', () => {
    const error = failed(
      new Error(
        'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused"',
      ),
    );

    assert.ok(error instanceof ChannelError);
    assert.equal(
      error.message,
      'The broker refuses the connection: ACCESS_REFUSED - Login was refused',
    );
  });

  test('names the virtual host that is not there, of which amqplib tells nothing', () => {
    const error = failed(new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>'));

    assert.ok(error instanceof ChannelError);
    assert.match(error.message, /there is no virtual host "vhost", or the user may not use it\.$/);
  });

  test('may be tried again after anything else', () => {
    const error = failed(new Error('connect ECONNREFUSED 127.0.0.1:5672'));

    assert.ok(error instanceof OperationalError);
    assert.equal(
      error.message,
      'Error connecting to the broker: connect ECONNREFUSED 127.0.0.1:5672',
    );
  });

  test('keeps an error of ours as it is', () => {
    for (const error of [new ImproperlyConfigured('a'), new ConnectionClosed('b')]) {
      assert.equal(failed(error), error);
    }
  });
});
