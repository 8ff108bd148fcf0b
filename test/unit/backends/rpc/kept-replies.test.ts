import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { KeptReplies } from '../../../../src/backends/rpc/kept-replies.ts';
import type { Reply } from '../../../../src/backends/rpc/reply-message.ts';

const reply = (taskId: string, status = 'FAILURE', content = '{}'): Reply => ({
  ...{ taskId, status, content, contentType: 'application/json', contentEncoding: 'utf-8' },
});

function setup({ expires = null as number | null, maxUnread = 1000 } = {}) {
  let dropped = 0;
  const onDropped = () => void dropped++;
  const kept = new KeptReplies({ expires, maxUnread, onDropped });
  const ids = (...all: string[]) => all.filter(id => kept.get(id) !== undefined);
  return { kept, ids, dropped: () => dropped };
}

describe('results that arrived', () => {
  test('are there until they are forgotten', () => {
    const { kept, ids } = setup();
    kept.add(reply('1'));
    assert.deepEqual(ids('1', '2'), ['1']);

    kept.delete('1');
    kept.delete('1');

    assert.deepEqual([ids('1'), kept.unread], [[], 0]);
  });

  test('take the place of an older state, but for success, which is final', () => {
    const { kept } = setup();

    const added = ['STARTED', 'SUCCESS', 'FAILURE'].map(status => kept.add(reply('1', status)));

    assert.deepEqual(added, [true, true, false]);
    assert.deepEqual([kept.get('1')?.status, kept.unread], ['SUCCESS', 1]);
  });

  test('are final also after they were read', () => {
    const { kept } = setup();
    kept.add(reply('1', 'SUCCESS'));
    kept.markRead('1');

    assert.equal(kept.add(reply('1', 'RETRY')), false);
    assert.deepEqual([kept.unread, kept.read], [0, 1]);
  });

  test('are unread again when a newer state comes', () => {
    const { kept } = setup();
    kept.add(reply('1', 'STARTED'));
    kept.markRead('1');

    kept.add(reply('1', 'SUCCESS'));

    assert.deepEqual([kept.unread, kept.read], [1, 0]);
  });

  test('that nobody reads are bounded: the oldest go, and that is told', () => {
    const { kept, ids, dropped } = setup({ maxUnread: 2 });

    for (const id of ['1', '2', '3', '4']) kept.add(reply(id));

    assert.deepEqual([ids('1', '2', '3', '4'), dropped(), kept.unread], [['3', '4'], 2, 2]);
  });
});

describe('results that were read', () => {
  test('are kept for another reader, a thousand of them', () => {
    const { kept, ids } = setup();
    for (let n = 0; n < 1001; n++) {
      kept.add(reply(`${n}`));
      kept.markRead(`${n}`);
    }

    assert.deepEqual([kept.read, ids('0', '1', '1000')], [1000, ['1', '1000']]);
  });

  test('are kept up to a million characters', () => {
    const { kept, ids } = setup();
    for (const id of ['1', '2', '3']) {
      kept.add(reply(id, 'SUCCESS', 'x'.repeat(400_000)));
      kept.markRead(id);
    }
    assert.deepEqual(ids('1', '2', '3'), ['2', '3']);

    kept.delete('2');
    kept.add(reply('4', 'SUCCESS', 'x'.repeat(600_000)));
    kept.markRead('4');

    assert.deepEqual(ids('3', '4'), ['3', '4'], 'what was forgotten does not count');
  });

  test('are not kept when one of them alone is too much', () => {
    const { kept } = setup();
    kept.add(reply('1', 'SUCCESS', 'x'.repeat(1_000_001)));

    kept.markRead('1');

    assert.deepEqual([kept.read, kept.unread], [0, 0]);
  });

  test('may be marked twice, or without being there', () => {
    const { kept } = setup();
    kept.add(reply('1'));

    for (const id of ['1', '1', '2']) kept.markRead(id);

    assert.equal(kept.read, 1);
  });
});

describe('results that expire', () => {
  test('are not there any more, and are deleted when somebody cleans up', t => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['Date'] });
    const { kept, ids } = setup({ expires: 10 });
    for (const id of ['1', '2']) kept.add(reply(id, 'SUCCESS'));
    kept.markRead('1');

    mock.timers.tick(10_000);
    assert.deepEqual([ids('1', '2'), kept.unread, kept.read], [[], 1, 1]);

    assert.equal(kept.deleteExpired(), 2);
    assert.equal(kept.add(reply('1', 'STARTED')), true, 'a success that expired is not final');
  });

  test('make room as others come, without being told as dropped', t => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['Date'] });
    const { kept, dropped } = setup({ expires: 10, maxUnread: 3 });
    for (const id of ['1', '2', '3']) kept.add(reply(id));

    mock.timers.tick(10_000);
    kept.add(reply('4'));

    assert.deepEqual([kept.unread, dropped()], [1, 0]);
  });

  for (const expires of [0, null]) {
    test(`never do so with ${expires}`, t => {
      t.after(() => mock.timers.reset());
      mock.timers.enable({ apis: ['Date'] });
      const { kept, ids } = setup({ expires });
      kept.add(reply('1'));

      mock.timers.tick(1e12);

      assert.deepEqual([ids('1'), kept.deleteExpired()], [['1'], 0]);
    });
  }
});
