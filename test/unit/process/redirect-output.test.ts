import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TYPESCRIPT } from '../../support/typescript.ts';

const SCRIPT = fileURLToPath(new URL('../../fixtures/prints.ts', import.meta.url));

/** What the log was told, and what else came out. */
function outputOf(scene: string): unknown[] {
  const args = [...TYPESCRIPT, SCRIPT, scene];
  const text = execFileSync(process.execPath, args, { encoding: 'utf8' });
  return text.split('\n').slice(0, -1).map(readLine);
}

function readLine(line: string): unknown {
  return line.startsWith('[') || line.startsWith('"') ? JSON.parse(line) : line;
}

function messagesOf(scene: string): unknown[] {
  return outputOf(scene).map(line => (Array.isArray(line) ? line[1] : line));
}

describe('redirected output', () => {
  test('is logged line by line, without empty lines', () => {
    assert.deepEqual(messagesOf('lines'), ['one', 'two 2', 'three', 'four']);
  });

  test('has the level asked for, the name of its logger and further fields', () => {
    const [record] = outputOf('recursion');

    assert.equal(record, 'the logger itself prints');
    assert.deepEqual(outputOf('lines')[0], [
      'warning',
      'one',
      { name: 'celery.redirected', user: 'nobody' },
    ]);
  });

  test('of one turn without a line end is one record for each stream', () => {
    assert.deepEqual(messagesOf('parts'), ['one line', 'other', 'later']);
  });

  test('may come as bytes, cut anywhere and invalid in part', () => {
    assert.deepEqual(messagesOf('bytes'), ['✓\uFFFD', 'hi']);
  });

  test('that waits for its line end is logged when the process exits', () => {
    assert.deepEqual(messagesOf('exit'), ['last words']);
  });

  test('calls back those who wait for the write', () => {
    assert.deepEqual(messagesOf('callbacks'), ['a', 'b', 'called']);
  });

  test('of two who print by turns is not mixed in one record', () => {
    const records = outputOf('fields') as [string, string, { user: string }][];

    assert.deepEqual(
      records.map(([, message, { user }]) => `${user}: ${message}`),
      ['ann: begun', 'bob:  and ended', 'bob: next'],
    );
  });

  test('of the logger itself is printed and not logged', () => {
    assert.deepEqual(messagesOf('recursion'), ['the logger itself prints', 'echo']);
  });

  test('of great length is cut', () => {
    const lengths = messagesOf('long').map(message => String(message).length);

    assert.deepEqual(lengths, [65_536, 70_000 - 65_536]);
  });

  test('is printed again after the end, which logs what had begun', () => {
    assert.deepEqual(messagesOf('stopped'), ['not ended', 'plain']);
  });
});
