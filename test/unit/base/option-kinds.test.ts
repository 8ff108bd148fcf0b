import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import {
  abortSignal,
  any,
  checkArgument,
  checkOptions,
  code,
  count,
  firstSlip,
  flag,
  type Kind,
  list,
  listOf,
  map,
  name,
  names,
  number,
  oneOf,
  partsOf,
  seconds,
  slipIn,
  span,
  text,
  wait,
} from '../../../src/base/option-kinds.ts';
import { saferepr } from '../../../src/base/text/saferepr.ts';

const NOTHING = [undefined, null] as const;
const ENDLESS = Number.POSITIVE_INFINITY;
const bare: unknown = Object.create(null);

describe('a kind of value', () => {
  const rows: readonly (readonly [string, Kind, readonly unknown[], readonly unknown[]])[] = [
    ['anything', any, [...NOTHING, 0, 'x', {}, () => {}], []],
    ['true or false', flag, [true, false], [...NOTHING, 0, 1, 'true', 'yes']],
    ['a text', text, ['', 'x'], [...NOTHING, 1, new String('x'), ['x']]],
    ['a name', name, ['x', ' '], [...NOTHING, '', 1]],
    ['a number', number, [0, -1, 1.5], [...NOTHING, Number.NaN, ENDLESS, '1', 1n]],
    ['a span', span, [0, -5, 86_400], [...NOTHING, ENDLESS, Number.NaN, 1e300, '5']],
    ['seconds', seconds, [0, 0.5, 3600], [...NOTHING, -1, ENDLESS, Date.now(), '5']],
    ['a wait', wait, [0, -1, 5, ENDLESS], [...NOTHING, -ENDLESS, Number.NaN, 1e300]],
    ['a count', count, [0, 1, 1e6], [...NOTHING, -1, 1.5, Number.NaN, ENDLESS, '1', 1n]],
    ['an object', map, [{}, bare, new Date()], [...NOTHING, [], 'x', () => {}]],
    ['a list', list, [[], [1]], [...NOTHING, {}, 'x', new Set(), { length: 0 }]],
    ['names', names, [[], ['a', 'b']], [...NOTHING, ['a', ''], [1], 'a']],
    ['a function', code, [() => {}, class {}], [...NOTHING, {}, 'f']],
    ['one of some', oneOf('a', 'b'), ['a', 'b'], [...NOTHING, 'A', '', ['a'], 'c']],
    ['a list of counts', listOf(count, 'whole numbers'), [[], [1, 2]], [[1, -1], 1, ['1']]],
  ];
  for (const [what, kind, right, wrong] of rows) {
    it(`is ${what} or is not`, () => {
      for (const value of right) assert.equal(kind.accepts(value), true, saferepr(value));
      for (const value of wrong) assert.equal(kind.accepts(value), false, saferepr(value));
    });
  }

  it('is a signal of any realm', () => {
    const signal = AbortSignal.timeout(1);
    assert.equal(abortSignal.accepts(signal), true);
    assert.equal(abortSignal.accepts(runInNewContext('({ throwIfAborted() {} })')), true);
    assert.equal(abortSignal.accepts({ aborted: false }), false);
    assert.equal(abortSignal.accepts(undefined), false);
  });

  it('is put into words, one or several', () => {
    assert.equal(oneOf('a').words, '"a"');
    assert.equal(oneOf('a', 'b').words, '"a" or "b"');
    assert.equal(oneOf('a', 'b', 'c').words, '"a", "b" or "c"');
  });

  it('says what was probably meant', () => {
    assert.match(oneOf('prefork', 'solo').hint!('prefrok'), /Did you mean "prefork"\?/);
    assert.equal(oneOf('prefork').hint!(5), '');
  });
});

const KINDS = { queue: name, countdown: seconds, retry: flag };

describe('options', () => {
  it('that are right, or not set, are taken', () => {
    for (const options of [{}, { queue: 'a', retry: false }, { queue: null, retry: undefined }]) {
      checkOptions(options, KINDS, 'a call');
    }
    checkOptions(Object.assign(Object.create(null), { queue: 'a' }), KINDS, 'a call');
    checkOptions(runInNewContext('({})') as object, KINDS, 'a call');
  });

  const wrong: readonly (readonly [string, unknown, RegExp])[] = [
    ['misspelt', { quue: 'a' }, /^There is no option "quue" of a call\. Did you mean "queue"\?$/],
    ['unknown', { zzzzzzzz: 1 }, /^There is no option "zzzzzzzz" of a call\.$/],
    [
      'inherited by every object',
      { constructor: 1 },
      /^There is no option "constructor" of a call\./,
    ],
    ['of the wrong kind', { retry: 'no' }, /^The option retry must be true or false, got 'no'\.$/],
    ['an empty name', { queue: '' }, /must be a text that is not empty, got ''\.$/],
    [
      'in milliseconds',
      { countdown: 1_798_761_600_000 },
      /must be a number of seconds, got 1798761600000\../,
    ],
    ['a number', 5, /^The options of a call must be an object such as \{ queue: … \}, got 5$/],
    ['a text', 'x', /must be an object such as .*, got 'x'$/],
    ['nothing', undefined, /must be an object such as .*, got None$/],
    ['a list', [1], /must be an object such as .*, got \[1\]$/],
    ['a map', new Map([['queue', 'a']]), /must be an object such as/],
    ['a date', new Date(0), /must be an object such as/],
  ];
  for (const [what, options, message] of wrong) {
    it(`that are ${what} are refused`, () => {
      assert.throws(
        () => checkOptions(options as object, KINDS, 'a call'),
        error => error instanceof TypeError && message.test(error.message),
      );
    });
  }

  it('that do not exist may have something to be said of them', () => {
    const seen: unknown[] = [];
    const instead = (...all: unknown[]) => {
      seen.push(all);
      return ' Use queue.';
    };
    assert.throws(() => checkOptions({ where: 1 }, KINDS, 'a call', instead), {
      message: 'There is no option "where" of a call. Use queue.',
    });
    assert.throws(() => checkOptions({ queu: 2 }, KINDS, 'a call', instead));
    assert.deepEqual(seen, [
      ['where', 1, false],
      ['queu', 2, true],
    ]);
  });

  it('are not asked for what their prototype has', () => {
    checkOptions(
      Object.create({ zzz: 1 }, { queue: { value: 'a', enumerable: true } }),
      KINDS,
      'x',
    );
  });
});

describe('an argument', () => {
  it('is named with its value and with what it must be', () => {
    assert.throws(() => checkArgument(-1, count, 'The number'), {
      name: 'TypeError',
      message: 'The number must be a whole number, got -1.',
    });
    assert.throws(() => checkArgument(undefined, name, 'The name'), /must be .*, got None\./);
    checkArgument(3, count, 'The number');
  });
});

describe('the parts of an option', () => {
  const place = partsOf({ exchange: name, key: text }, 'a place');

  it('are all right, or not set', () => {
    for (const value of [{}, { exchange: 'e', key: '' }, { exchange: null }]) {
      assert.equal(place.accepts(value), true);
    }
  });

  it('are named when one is wrong', () => {
    assert.equal(place.accepts({ exchange: '' }), false);
    assert.equal(place.hint!({ exchange: '' }), ' Its exchange must be a text that is not empty.');
    assert.match(
      place.hint!({ exchang: 'e' }),
      / There is no "exchang"\. Did you mean "exchange"\?/,
    );
    assert.equal(place.hint!('e'), '');
  });

  it('may be others, when those are allowed', () => {
    const kinds = { key: text };
    assert.equal(slipIn({ other: 1 }, kinds, new Set(['other'])), undefined);
    assert.match(slipIn({ toString: 1 }, kinds)!, /There is no "toString"/);
  });

  it('are looked through in order, until the first slip', () => {
    const kinds = { key: text };
    assert.equal(
      firstSlip(['x', { key: 'a' }, { key: 1 }, { no: 1 }], kinds),
      ' Its key must be a text.',
    );
    assert.equal(firstSlip([], kinds), '');
  });
});
