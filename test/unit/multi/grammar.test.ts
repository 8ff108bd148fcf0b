import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shellWords } from '../../../src/base/text/shell-words.ts';
import { parseWords } from '../../../src/multi/grammar.ts';
import { KNOWN } from './made-nodes.ts';

const parse = (line: string, takesSignal = false) =>
  parseWords(shellWords(line), { known: KNOWN, takesSignal });

/** Options as `flag value`, those of some nodes as `flag:nodes value`. */
function options(line: string): string[] {
  const { options: general, scoped } = parse(line);
  const shown = (name: string, value: string | undefined) =>
    value === undefined ? name : `${name} ${value}`;
  return [
    ...general.map(({ flag, value }) => shown(flag, value)),
    ...scoped.map(({ flag, scope, value }) => shown(`${flag}:${scope}`, value)),
  ];
}

describe('words of multi', () => {
  it('are options with = or a value after a short name, and nodes', () => {
    const line = 'w1 -c 3 --time-limit=5 --purge w2 -x y -Q:w1,w2 a,b --logfile:1-2=/a=b:c w3 ""';

    assert.deepEqual(options(line), [
      '-c 3',
      '--time-limit 5',
      '--purge',
      '-x y',
      '-Q:w1,w2 a,b',
      '--logfile:1-2 /a=b:c',
    ]);
    assert.deepEqual(parse(line).names, ['w1', 'w2', 'w3']);
  });

  it('that are flags of a worker do not take the node after them for a value', () => {
    assert.deepEqual(parse('-E w1 --task-events w2 -E:w1 w3').names, ['w1', 'w2', 'w3']);
  });

  it('may have a value in the same word, and a long one that is known in the next', () => {
    assert.deepEqual(options('-c3 w1 --pidfile x.pid -Aproj:app --unknown w2'), [
      '-c 3',
      '--pidfile x.pid',
      '-A proj:app',
      '--unknown',
    ]);
    assert.deepEqual(parse('-c3 w1 --unknown w2').names, ['w1', 'w2']);
    assert.deepEqual(options('-c -E'), ['-c', '-E'], 'no option is a value');
  });

  it('after -- are passed on with it', () => {
    const { names, passThrough } = parse('w1 -- -c 3 w2 "" --');

    assert.deepEqual([names, passThrough], [['w1'], ['--', '-c', '3', 'w2', '', '--']]);
  });

  it('are signals where one is expected, of which the last one counts', () => {
    for (const [line, signal] of [
      ['-9 w1', 'SIGKILL'],
      ['w1 -KILL w2', 'SIGKILL'],
      ['w1 -SIGTERM -QUIT', 'SIGQUIT'],
      ['w1 -15 -c 3', 'SIGTERM'],
      ['w1 -QFEEDS', undefined],
      ['w1 -c 9', undefined],
    ] as const) {
      assert.equal(parse(line, true).signal, signal, line);
    }
    assert.deepEqual(parse('-9 w1 -INT w2', true).names, ['w1', 'w2'], 'no node is their value');
    assert.throws(() => parse('w1 -TREM', true), {
      name: 'MultiError',
      message: 'There is no signal "TREM". Did you mean "SIGTERM"?',
    });
    assert.equal(parse('w1 -KILL').signal, undefined);
  });

  it('that are only dashes are refused', () => {
    for (const word of ['-', '-:1', '--=x', '--:w1=3']) {
      assert.throws(() => parse(`w1 ${word}`), /is no option and no node/, word);
    }
  });
});
