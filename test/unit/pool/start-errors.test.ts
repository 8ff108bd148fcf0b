import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFilesText } from '../../../src/base/process/open-files.ts';
import { type Clock, systemClock } from '../../../src/base/time/clock.ts';
import { StartErrors } from '../../../src/pool/parent/start-errors.ts';

const START = 'Pool process could not start: ';
const FILES = openFilesText('spawn EMFILE')!;
const MISSING = "Error: Cannot find package 'chalk' imported from /srv/log.js";

/** What is told, and a way to let the time of gathering pass. */
function made() {
  const lines: string[] = [];
  let due: (() => void) | undefined;
  const clock: Clock = {
    ...systemClock,
    now: () => 0,
    monotonic: () => 0,
    after(_seconds, fn) {
      due = fn;
      return { cancel() {} };
    },
  };
  const errors = new StartErrors(clock, line => lines.push(line.replace(START, '')));
  const note = (...messages: string[]) =>
    messages.map(message => errors.note({ message, stack: message }));
  return { errors, lines, note, pass: () => due?.() };
}

describe('why children could not start', () => {
  test('is one line for children that fail together for one reason', () => {
    const { lines, note, pass } = made();
    note('no app', 'no app', 'no app');
    pass();

    assert.deepEqual(lines, ['no app (3 times)']);
  });

  test('names each reason, in the order of the first ones', () => {
    const { lines, note, pass } = made();
    note('first', 'second', 'first');
    pass();

    assert.deepEqual(lines, ['first (2 times)', 'second']);
  });

  test('is told again when another reason came between, with how often it was not', () => {
    const { lines, note, pass } = made();
    for (const message of ['first', 'first', 'first', 'second', 'first']) {
      note(message);
      pass();
    }

    assert.deepEqual(lines, ['first', 'first (2 more times)', 'second', 'first']);
  });

  test('what was not told yet is told when a child gets ready', () => {
    const { errors, lines, note, pass } = made();
    note('first');
    pass();
    note('first');
    errors.flush();

    assert.deepEqual(lines, ['first', 'first (once more)']);
  });

  test('is the sentence about open files, whatever was being opened', () => {
    const { errors, lines, note, pass } = made();
    note("EMFILE: too many open files, open 'a.js'", 'Worker initialization failure: EMFILE');
    pass();

    assert.deepEqual(lines, [`${FILES} (2 times)`]);
    assert.equal(errors.areOfOpenFiles, true);
  });

  test('a missing package beside a want of files is one, too, in any order', () => {
    const { lines, note, pass } = made();

    assert.deepEqual(note(MISSING, 'spawn EMFILE', MISSING), [MISSING, FILES, FILES]);
    pass();
    assert.deepEqual(lines, [`${FILES} (3 times)`]);
  });

  test('a missing package alone stays what it is', () => {
    const { errors, lines, note, pass } = made();
    note(MISSING);
    pass();

    assert.deepEqual(lines, [MISSING]);
    assert.equal(errors.areOfOpenFiles, false);
  });
});
