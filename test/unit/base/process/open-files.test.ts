import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openFilesText } from '../../../../src/base/process/open-files.ts';

const SENTENCE =
  /^Too many open files: this process may open (\d+|no more|unlimited) \(ulimit -n\)\.$/;

function coded(code: string): Error {
  return Object.assign(new Error('it failed'), { code });
}

describe('the sentence about open files', () => {
  test('is told for the code, also when it is that of a cause', () => {
    assert.match(openFilesText(coded('EMFILE'))!, SENTENCE);
    assert.match(openFilesText(new Error('no', { cause: coded('EMFILE') }))!, SENTENCE);
  });

  test('is another one when the whole system has no more', () => {
    const text = openFilesText(coded('ENFILE'));

    assert.equal(text, 'Too many open files: this system can open no more.');
  });

  for (const text of [
    'Worker initialization failure: EMFILE',
    'spawn EMFILE',
    'spawn /usr/bin/node EMFILE',
    "EMFILE: too many open files, open '/srv/app.js'",
    "Error: EMFILE: too many open files, open '/srv/app.js'",
    'Error connecting to Redis: connect EMFILE 127.0.0.1:6379',
  ]) {
    test(`is told for the text "${text}"`, () => {
      assert.match(openFilesText(text)!, SENTENCE);
      assert.match(openFilesText(new Error(text))!, SENTENCE);
    });
  }

  test('is not told for other errors', () => {
    const circle = new Error('first');
    circle.cause = new Error('second', { cause: circle });
    for (const error of [coded('ENOENT'), new Error("no task 'EMFILE'"), circle, undefined, 5]) {
      assert.equal(openFilesText(error), undefined);
    }
  });

  test('is told for a package that is there and whose package.json could not be read', t => {
    const folder = mkdtempSync(join(tmpdir(), 'tscelery-test-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const missing = (name: string) =>
      `Error: Cannot find package '${join(folder, name)}/index.js' imported from /srv/log.js`;
    for (const [name, text] of [
      ['whole', '{"exports":"./a.js"}'],
      ['types', '{}'],
    ] as const) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'package.json'), text);
    }

    assert.match(openFilesText(missing('whole'))!, SENTENCE);
    assert.equal(openFilesText(missing('types')), undefined);
    assert.equal(openFilesText(missing('none')), undefined);
  });
});
