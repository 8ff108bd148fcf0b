/** What is printed reaches a reader that is slower than the program. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

describe('a command with much to print', () => {
  it('ends when its reader has all of it', async () => {
    const running = startCli(['shell', '--eval', "'x'.repeat(1_000_000)"]);
    const stdout = running.child.stdout!;
    stdout.pause();
    // it has begun to print, and the pipe is full
    await eventually(() => stdout.readableLength > 60_000, { seconds: 30 });
    stdout.resume();
    const { code, stdout: text } = await running.ended();

    assert.deepEqual([code, text.length], [0, 1_000_001]);
  });
});
