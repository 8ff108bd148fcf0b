import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ChannelError,
  ConnectionClosed,
  OperationalError,
} from '../../../../src/drivers/errors.ts';
import { redisError } from '../../../../src/drivers/redis/client.ts';
import {
  isDenied,
  isPassingReply,
  isReply,
  isWrongServer,
} from '../../../../src/drivers/redis/replies.ts';
import { parseUrl } from '../../../../src/drivers/url.ts';

const reply = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' });

/** What a server says, whether another server must be asked, and whether it passes. */
const REPLIES: readonly (readonly [string, boolean, boolean])[] = [
  ["READONLY You can't write against a read only replica.", true, true],
  ['LOADING Redis is loading the dataset in memory', true, true],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", true, true],
  ['UNBLOCKED force unblock from blocking operation', true, true],
  ['CLUSTERDOWN The cluster is down', true, true],
  ['NOREPLICAS Not enough good replicas to write.', true, true],
  ['NOAUTH Authentication required.', true, false],
  ["OOM command not allowed when used memory > 'maxmemory'.", false, true],
  ['BUSY Redis is busy running a script.', false, true],
  ['UNKILLABLE Sorry the script already executed write commands', false, true],
  ['MISCONF Redis is configured to save RDB snapshots', false, true],
  ['TRYAGAIN Multiple keys request during rehashing of slot', false, true],
  ['ERR max number of clients reached', false, true],
  ['ERR unknown command', false, false],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', false, false],
  ['NOPERM this user has no permissions', false, false],
  ['WRONGPASS invalid username-password pair', false, false],
  ['READONLYX is no code', false, false],
  ['ERR READONLY in the middle', false, false],
];

describe('what a Redis server answers', () => {
  for (const [text, isWrong, passes] of REPLIES) {
    test(`"${text.slice(0, 30)}" ${isWrong ? 'asks for another server' : passes ? 'passes' : 'stays'}`, () => {
      const error = reply(text);

      assert.deepEqual([isWrongServer(error), isPassingReply(error)], [isWrong, passes]);
    });
  }

  test('means the same when a script was answered with it', () => {
    const inScript = (text: string) =>
      reply(`ERR Error running script (call to f_1a2b): @user_script:3: -${text}`);

    assert.equal(isPassingReply(inScript('OOM command not allowed')), true);
    assert.equal(isWrongServer(inScript("READONLY You can't write")), true);
    assert.equal(isPassingReply(inScript('WRONGTYPE Operation')), false);
  });

  test('tells what the user may not do', () => {
    assert.equal(isDenied(reply('NOPERM No permissions to access a channel')), true);
    assert.equal(isDenied(reply('NOAUTH Authentication required.')), false);
  });

  for (const other of [
    new Error('READONLY'),
    { name: 'ReplyError', message: 'OOM' },
    null,
    'OOM',
  ]) {
    test(`is not ${JSON.stringify(other)}: the server has not spoken`, () => {
      assert.deepEqual(
        [isReply, isWrongServer, isPassingReply, isDenied].map(is => is(other)),
        [false, false, false, false],
      );
    });
  }
});

describe('an error of Redis', () => {
  const urls = [parseUrl('redis://:secret@h:6379/0'), parseUrl('redis://u:pass%20word@other/0')];
  const failed = (error: unknown) => redisError(error, urls, 'publishing');

  for (const error of [
    new OperationalError('a'),
    new ChannelError('b'),
    new ConnectionClosed('c'),
  ]) {
    test(`stays as it is when it is a ${error.name} already`, () => {
      assert.equal(failed(error), error);
    });
  }

  test('is one of the server that stays, or one that may pass', () => {
    const refused = failed(reply('WRONGTYPE no list'));
    const passing = failed(reply('LOADING wait'));

    assert.ok(refused instanceof ChannelError);
    assert.ok(passing instanceof OperationalError);
    assert.equal(refused.message, 'Error publishing: WRONGTYPE no list');
  });

  test('shows no password, and does not hand on the command with its arguments', () => {
    const error = failed(
      Object.assign(new Error('cannot reach :secret@h or pass word'), { command: { args: ['x'] } }),
    );

    assert.equal(error.message, 'Error publishing: cannot reach :**@h or **');
    assert.equal(error.cause, undefined);
  });

  for (const [error, text] of [
    [Object.assign(new Error(''), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new AggregateError([new Error('first'), new Error('second')]), 'first'],
    [Object.assign(new Error(''), { name: 'MaxRetriesError' }), 'MaxRetriesError'],
    ['just a text', 'just a text'],
  ] as const) {
    test(`says "${text}" when there is nothing else to say`, () => {
      assert.equal(failed(error).message, `Error publishing: ${text}`);
    });
  }
});
