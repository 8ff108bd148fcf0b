import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, printableJson, printableLines } from '../../../../src/base/text/printable.ts';

test('what ends a line or moves a cursor is escaped in a log line, everything else stays', () => {
  assert.equal(
    printable('x\n[CRITICAL] \u001b[31m\r\u2028é😀'),
    'x\\n[CRITICAL] \\x1b[31m\\x0d\\u2028é😀',
  );
});

test('text of several lines keeps them and its tabs, and loses what turns text around', () => {
  assert.equal(
    printableLines('a\n\tb\u001b[2J\r\u202ec\u2066'),
    'a\n\tb\\x1b[2J\\x0d\\u202ec\\u2066',
  );
});

test('JSON without control characters means the same', () => {
  const value = { text: 'a\u009b31m\u2028\u202e\n' };

  const json = printableJson(JSON.stringify(value));

  assert.equal(json, '{"text":"a\\u009b31m\\u2028\\u202e\\n"}');
  assert.deepEqual(JSON.parse(json), value);
});
