import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from '../../../src/base/printable.ts';

test('what ends a line or moves a cursor is escaped in a log line, everything else stays', () => {
  assert.equal(
    printable('x\n[CRITICAL] \u001b[31m\r\u2028é😀'),
    'x\\n[CRITICAL] \\x1b[31m\\x0d\\u2028é😀',
  );
});
