import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Logger } from '../../../../src/base/logger.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { RevokedTasks } from '../../../../src/worker/revoking/revoked-tasks.ts';
import { StoredRevokes } from '../../../../src/worker/revoking/stored-revokes.ts';

function setup(store: { has?(id: string): Promise<boolean>; keep?(): Promise<void> }) {
  const clock = new FakeClock(0);
  const revoked = new RevokedTasks(clock);
  const lines: string[] = [];
  const logger = { warning: (line: string) => void lines.push(line) } as unknown as Logger;
  const ports = { has: async () => false, keep: async () => {}, ...store };
  const stored = new StoredRevokes({ store: ports, revoked, logger, clock });
  return { stored, revoked, clock, lines };
}

const never = () => new Promise<never>(() => {});

describe('what a result store says of revokes', () => {
  it('counts from then on', async () => {
    const { stored, revoked } = setup({ has: async id => id === 'a' });

    await Promise.all([stored.learn('a'), stored.learn('b')]);

    assert.deepEqual([revoked.has('a'), revoked.has('b')], [true, false]);
  });

  it('is not waited for longer than five seconds', async () => {
    const { stored, revoked, clock, lines } = setup({ has: never });
    let isOver = false;
    const learned = stored.learn('a').then(() => {
      isOver = true;
    });

    clock.advance(4.9);
    await new Promise(setImmediate);
    assert.equal(isOver, false);
    clock.advance(0.1);
    await learned;

    assert.equal(revoked.has('a'), false);
    assert.match(lines[0]!, /does not say or keep whether a is revoked/);
  });

  it('is missed with a line a minute, however many tasks ask', async () => {
    const { stored, clock, lines } = setup({ has: () => Promise.reject(new Error('gone')) });

    for (let second = 0; second < 59; second++) {
      await stored.learn('a');
      clock.advance(1);
    }
    assert.equal(lines.length, 1);
    clock.advance(1);
    await stored.learn('a');

    assert.equal(lines.length, 2);
    assert.match(lines[1]!, /gone/);
  });

  it('leaves no timer behind', async () => {
    const { stored, clock, lines } = setup({});

    await stored.learn('a');
    await stored.keep(['a']);
    clock.advance(60);

    assert.equal(clock.pending, 0);
    assert.deepEqual(lines, []);
  });

  it('does not keep who revokes waiting when nothing can be kept', async () => {
    const { stored, clock, lines } = setup({ keep: never });
    const kept = stored.keep(['a', 'b']);

    clock.advance(5);
    await kept;

    assert.match(lines[0]!, /2 revoked tasks/);
  });
});
