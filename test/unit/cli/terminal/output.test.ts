import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { LinePrinter } from '../../../../src/cli/terminal/output.ts';

describe('lines without end', () => {
  it('are dropped while nobody reads, and the reader is told how many', () => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const { print } = new LinePrinter({ out, err, most: 1000 });
    // a pass-through stream holds 2 × 16 KiB by itself
    for (let i = 0; i < 5000; i++) print(`line ${i}`);
    const held = out.writableLength;
    for (let i = 0; i < 5000; i++) print(`line ${i}`);
    assert.ok(held > 1000 && out.writableLength === held);

    const text = `${out.read()}`;
    print('next');
    const shown = `${text}${out.read() ?? ''}${out.read() ?? ''}`.trim().split('\n');
    const [told] = /^\d+/.exec(`${err.read()}`)!;
    assert.equal(shown.at(-1), 'next');
    assert.equal(Number(told) + shown.length - 1, 10_000);
  });
});
