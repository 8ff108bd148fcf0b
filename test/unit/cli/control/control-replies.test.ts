import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { printableLines } from '../../../../src/base/text/printable.ts';
import { replyJson, replyText } from '../../../../src/cli/control/control-replies.ts';

const PLAIN = { color: false, quiet: false };
const text = (value: unknown, style = PLAIN) => replyText({ node: 'w1@vm', value }, style);
const lines = (...body: readonly string[]) => `${['->  w1@vm: OK', ...body].join('\n')}\n`;

describe('the reply of a node as text', () => {
  it('a list has one line for each item, as Python would show it', () => {
    assert.equal(text(['proj.add', 'b']), lines('    * proj.add', '    * b'));
    assert.equal(
      text([{ id: 'x', args: [1, "it's", null], ok: true, deep: { a: { b: { c: { d: 1 } } } } }]),
      lines(
        `    * {'id': 'x', 'args': [1, 'it\\'s', None], 'ok': True, 'deep': {'a': {'b': {'c': {'d': 1}}}}}`,
      ),
    );
    assert.equal(text([]), lines('    - empty -'));
  });

  it('of ok and error the value counts, further to the right', () => {
    assert.equal(text({ ok: 'pong' }), lines('        pong'));
    assert.equal(text({ ok: 'a\nb\n' }), lines('        a', '        b'));
    assert.equal(text({ error: 'no such' }), '->  w1@vm: ERROR\n        no such\n');
    assert.equal(text({ ok: ['a'] }), lines('        * a'));
  });

  it('any other object is JSON, sorted, four spaces for each level', () => {
    assert.equal(
      text({ b: [], a: { d: 1.5, c: 'ü' }, e: [1, { f: null }], g: {} }),
      lines(
        '    {',
        '        "a": {',
        '            "c": "ü",',
        '            "d": 1.5',
        '        },',
        '        "b": [],',
        '        "e": [',
        '            1,',
        '            {',
        '                "f": null',
        '            }',
        '        ],',
        '        "g": {}',
        '    }',
      ),
    );
  });

  it('text is itself, and anything else in the notation of Python', () => {
    assert.equal(text('67.168MB'), lines('    67.168MB'));
    assert.equal(text(null), lines('    None'));
    assert.equal(text(41), lines('    41'));
    assert.equal(text(true), lines('    True'));
  });

  it('quietly there is no arrow, for a status no body', () => {
    assert.equal(text({ ok: 'pong' }, { ...PLAIN, quiet: true }), ' w1@vm: OK\n        pong\n');
    const status = { ...PLAIN, headOnly: true };
    assert.equal(replyText({ node: 'w1@vm', value: { ok: 'pong' } }, status), lines());
  });

  it('has colours when they are wanted', () => {
    assert.equal(
      text(['a'], { color: true, quiet: false }),
      '\x1b[37m\x1b[1m->\x1b[22m\x1b[39m  \x1b[36m\x1b[1mw1@vm: \x1b[22m\x1b[39m' +
        '\x1b[32m\x1b[1mOK\x1b[22m\x1b[39m\n    \x1b[37m*\x1b[39m a\n',
    );
    const error = text({ error: 'x' }, { color: true, quiet: false });
    assert.ok(error.includes('\x1b[31m\x1b[1mERROR'));
  });

  it('gives no orders to a terminal, and no line of a node looks like another node', () => {
    const evil = '\x1b[2J\n->  w2@vm: OK\u202e';
    for (const value of [evil, [evil], { ok: evil }, { error: evil }, { key: evil, [evil]: 1 }]) {
      const shown = text(value);
      assert.equal(shown, printableLines(shown));
      assert.equal(shown.match(/^->/gm)?.length, 1, shown);
    }
    const name = replyText({ node: `w1\n${evil}`, value: null }, PLAIN);
    assert.equal(name.split('\n').length, 3);
    assert.equal(name, printableLines(name));
  });
});

describe('the reply of a node as JSON', () => {
  it('is one line with the spaces of Python, keys as they came', () => {
    assert.equal(
      replyJson({ 'w1@vm': { ok: 'pong' }, 'w0@vm': [1, [], {}, null, true] }),
      '{"w1@vm": {"ok": "pong"}, "w0@vm": [1, [], {}, null, true]}',
    );
  });

  it('is JSON whatever the node said', () => {
    const controls = '\x1b\x7f\u2028';
    const value = [Number.NaN, 2n ** 70n, new Date(0), Buffer.from('a'), controls, undefined];

    const json = replyJson([...value, new Map([['a', 1]])]);

    assert.equal(json, printableLines(json));
    assert.match(json, /^\[null, 1180591620717411303424, /);
    const [date, bytes, ...rest] = (JSON.parse(json) as unknown[]).slice(2);
    assert.deepEqual(date, { __type__: 'datetime', __value__: '1970-01-01T00:00:00+00:00' });
    assert.equal((bytes as { __type__: string }).__type__, 'bytes');
    assert.deepEqual(rest.slice(0, 2), [controls, null]);
    assert.equal(typeof rest[2], 'string');
  });
});
