import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { refusesColor, wantsColor } from '../../../../src/cli/terminal/color.ts';

const before = { variable: process.env.NO_COLOR, isTty: process.stdout.isTTY };

function set(variable: string | undefined, isTTY: boolean): void {
  if (variable === undefined) delete process.env.NO_COLOR;
  else process.env.NO_COLOR = variable;
  process.stdout.isTTY = isTTY;
}

afterEach(() => set(before.variable, before.isTty));

describe('colours', () => {
  const variables: readonly (readonly [string | undefined, boolean])[] = [
    [undefined, false],
    ['', false],
    ['0', false],
    ['false', false],
    ['No', false],
    ['OFF', false],
    ['1', true],
    ['true', true],
    ['anything', true],
  ];
  for (const [variable, isRefused] of variables) {
    it(`are ${isRefused ? 'refused' : 'shown'} when NO_COLOR is ${JSON.stringify(variable)}`, () => {
      set(variable, true);
      assert.equal(refusesColor({}), isRefused);
      assert.equal(wantsColor({}), !isRefused);
    });
  }

  it('go by the option before the variable, in both directions', () => {
    set('1', true);
    assert.equal(wantsColor({ noColor: false }), true);
    set(undefined, true);
    assert.equal(wantsColor({ noColor: true }), false);
  });

  it('are only for terminals', () => {
    set(undefined, false);
    assert.equal(wantsColor({}), false);
    assert.equal(wantsColor({ noColor: false }), false);
    assert.equal(refusesColor({}), false);
  });
});
