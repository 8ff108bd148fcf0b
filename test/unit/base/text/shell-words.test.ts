import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shellQuoted, shellWords } from '../../../../src/base/text/shell-words.ts';

describe('words of a shell', () => {
  for (const [text, words] of [
    ['', []],
    ['  a  b\tc\n', ['a', 'b', 'c']],
    [`a'b c'"d e"f`, ['ab cd ef']],
    [`'' ""`, ['', '']],
    [`a\\ b "c\\"d\\e" 'f\\g'`, ['a b', 'c"d\\e', 'f\\g']],
    [`it's`, [`it's`]],
  ] as const) {
    it(`are read: ${JSON.stringify(text)}`, () => assert.deepEqual(shellWords(text), words));
  }

  it('that are written are read as they were', () => {
    for (const word of ['a', '', 'a b', `it's`, '$x', '%n%I.log', 'a"b', '*']) {
      assert.deepEqual(shellWords(shellQuoted(word)), [word]);
    }
    assert.equal(shellQuoted('--logfile=/var/log/%n%I.log'), '--logfile=/var/log/%n%I.log');
  });
});
