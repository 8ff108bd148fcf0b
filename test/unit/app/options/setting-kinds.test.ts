import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import * as kinds from '../../../../src/app/options/setting-kinds.ts';
import { type Kind, UNREADABLE } from '../../../../src/app/options/setting-kinds.ts';
import { saferepr } from '../../../../src/base/text/saferepr.ts';

type AnyKind = Pick<Kind<unknown>, 'read' | 'fromText' | 'hint' | 'expects'>;
/** A value of a config file, and what is kept of it. */
type Row = readonly [given: unknown, kept: unknown];

const ENDLESS = Number.POSITIVE_INFINITY;
const NO_TEXT = [undefined, null, 1, true, {}, ['a']];

function reads(kind: AnyKind, right: readonly Row[], wrong: readonly unknown[]): void {
  for (const [given, kept] of right) assert.deepEqual(kind.read(given), kept, saferepr(given));
  for (const given of wrong) assert.equal(kind.read(given), UNREADABLE, saferepr(given));
}

const same = (...values: readonly unknown[]): Row[] => values.map(value => [value, value]);

describe('a value of a setting', () => {
  const rows: readonly (readonly [string, AnyKind, readonly Row[], readonly unknown[]])[] = [
    ['a string', kinds.string, same('', 'x'), NO_TEXT],
    ['true or false', kinds.bool, same(true, false), [undefined, null, 0, 1, 'true']],
    ['a number', kinds.float, same(0, -1.5, ENDLESS), [Number.NaN, '1', null, 1n]],
    ['a whole number', kinds.int, same(0, -3, 1e9), [1.5, ENDLESS, Number.NaN, '1']],
    ['a count', kinds.count, same(0, 7), [-1, 0.5, '0', null]],
    ['a positive number', kinds.positive, same(1, 7), [0, -1, 1.5, '1']],
    ['a priority', kinds.priority, same(0, 255), [-1, 256, 1.5, 'high']],
    ['a priority or its name', kinds.priorityOrName, same('high', 'low', 5), ['High', 256, '5']],
    ['a port', kinds.port, same(0, 65_535), [65_536, -1, '80']],
    ['a protocol', kinds.protocol, same(1, 2), [0, 3, '2']],
    ['a map', kinds.dict, same({}, { a: 1 }), [[], null, 'x', new Date(0), new Map()]],
    [
      'a list of strings',
      kinds.strings,
      [
        ['a', ['a']],
        [
          ['a', 'b'],
          ['a', 'b'],
        ],
        [[], []],
      ],
      [['a', 1], 1, null, { 0: 'a' }, new Set(['a'])],
    ],
    [
      'a URL or several',
      kinds.urls,
      [
        ['redis://a', 'redis://a'],
        [['redis://a', 'redis://b'], 'redis://a;redis://b'],
      ],
      [[], ['a', 1], 1, null],
    ],
    ['a class', kinds.classPath, same('a:B', Date), [1, null, {}]],
    [
      'a delivery mode',
      kinds.deliveryMode,
      [
        ['persistent', 2],
        ['1', 1],
        [2, 2],
      ],
      [0, 3, 'Persistent', null],
    ],
    ['a rate', kinds.rate, same('10/m', 5, '1.5/s', 0), ['10/d', -1, ENDLESS, null, 'fast']],
    ['one of two words', kinds.unknownTask, same('discard', 'requeue'), ['Discard', '', null, 1]],
    ['a type of queue', kinds.queueType, same('classic', 'stream'), ['lazy', null]],
    ['a level', kinds.logLevel, same('INFO', 'debug', 'Warning'), ['LOUD', '', 20, null]],
    ['a word in any case', kinds.wordInAnyCase('ON', 'OFF'), same('on', 'Off', 'ON'), ['no', 1]],
    ['an id', kinds.id, same('a', '', 5), [null, {}, Number.NaN]],
    ['a time zone', kinds.timeZone, same('Europe/Berlin', 'UTC'), ['Mars/Base', '', null, 1]],
    ['anything', kinds.any, same(null, undefined, 1, 'x'), []],
    [
      'a name of dead letters',
      kinds.queueTemplate,
      same('dead', '{queue}.dead'),
      ['', '{queue}', '{q}', 'a{', null],
    ],
    [
      'TLS options',
      kinds.ssl,
      same(true, {}, { ca_certs: 'x' }, { ssl_keyfile: 'k' }, { ssl_version: 1 }),
      ['yes', 1, { ca: 'x' }],
    ],
  ];
  for (const [what, kind, right, wrong] of rows) {
    it(`is ${what}, and nothing else`, () => reads(kind, right, wrong));
  }

  it('is a map, of whatever realm, but no instance of a class', () => {
    class Thing {}
    const foreign = runInNewContext('({ a: 1 })') as object;
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    reads(kinds.dict, same(foreign, bare), [new Thing(), Object.create({ a: 1 })]);
  });

  it('is a copy where it is a list, so that nobody changes it from outside', () => {
    const given = ['a'];
    const kept = kinds.strings.read(given) as string[];
    given.push('b');
    assert.deepEqual(kept, ['a']);
  });
});

describe('a duration', () => {
  it('is seconds, units, or ISO 8601', () => {
    const right: Row[] = [
      [0, 0],
      [1.5, 1.5],
      [{ minutes: 5 }, 300],
      [{ weeks: 1, days: 1, hours: 1, minutes: 1, seconds: 1, milliseconds: 500 }, 694_861.5],
      [{ hours: 2, minutes: -30 }, 5400],
      ['PT1H30M', 5400],
      ['P1W', 604_800],
      ['P1DT0.5S', 86_400.5],
    ];
    const wrong: readonly unknown[] = [
      ...[-1, Number.NaN, ENDLESS, 1e11, null, undefined, true, [], {}],
      ...[{ minutes: '5' }, { minute: 5 }, { minutes: -5 }, { toString: 1 }],
      ...['', 'P', 'PT', '5', '1h', 'PT1.2.3S', 'P1H', '-PT1S', 'pt1s'],
    ];
    reads(kinds.duration, right, wrong);
  });

  const hints: readonly (readonly [unknown, RegExp])[] = [
    [{ minute: 5 }, /Did you mean "minutes"\?/],
    [1_798_761_600_000, /this looks like milliseconds: 1798761600\?/],
    [{ weeks: 1e9 }, /It has to be below 1e11 seconds/],
    ['soon', /^$/],
    [{ minutes: '5' }, /^$/],
  ];
  for (const [value, hint] of hints) {
    it(`of ${JSON.stringify(value)} is refused with what was probably meant`, () => {
      assert.match(kinds.duration.hint!(value), hint);
    });
  }
});

describe('a word of a command line', () => {
  const rows: readonly (readonly [string, AnyKind, string, unknown])[] = [
    ['a string', kinds.string, '5', '5'],
    ['yes', kinds.bool, 'YES', true],
    ['no', kinds.bool, 'off', false],
    ['neither', kinds.bool, 'maybe', undefined],
    ['a number', kinds.float, '1.5e3', 1500],
    ['no end', kinds.float, 'inf', ENDLESS],
    ['no end of the other side', kinds.float, '-Infinity', -ENDLESS],
    ['no number', kinds.float, '1h', undefined],
    ['hexadecimal', kinds.int, '0x10', undefined],
    ['a list', kinds.strings, 'a,b', ['a', 'b']],
    ['seconds', kinds.duration, '5', 5],
    ['a duration', kinds.duration, 'PT5S', 'PT5S'],
    ['a priority', kinds.priorityOrName, '5', 5],
    ['the name of a priority', kinds.priorityOrName, 'high', 'high'],
    ['an id', kinds.id, '12', 12],
    ['an id with a nought before it', kinds.id, '012', '012'],
    ['an id with letters', kinds.id, 'a1', 'a1'],
    ['TLS or none', kinds.ssl, 'no', false],
    ['None', kinds.orNull(kinds.count), 'None', null],
    ['null', kinds.orNull(kinds.count), 'NULL', null],
    ['no null', kinds.orNull(kinds.count), '3', 3],
  ];
  for (const [what, kind, text, value] of rows) {
    it(`${JSON.stringify(text)} is read as ${what}`, () => {
      assert.deepEqual(kind.fromText(text), value);
    });
  }
});

describe('a value that is refused', () => {
  const rows: readonly (readonly [AnyKind, unknown, RegExp])[] = [
    [kinds.unknownTask, 'discrad', /Did you mean "discard"\?/],
    [kinds.unknownTask, 5, /^$/],
    [kinds.deliveryMode, 'persistant', /Did you mean "persistent"\?/],
    [kinds.logLevel, 'WARNIN', /Did you mean "WARNING"\?/],
    [kinds.priorityOrName, 'hihg', /Did you mean "high"\?/],
    [kinds.timeZone, 'europe/berlin', /Did you mean "Europe\/Berlin"\?/],
    [kinds.ssl, { caCert: 'x' }, /There is no "caCert"\. Did you mean "(ssl_)?ca_certs"\?/],
    [
      kinds.ssl,
      { zzz: 1 },
      /There is no "zzz"\. There are keyfile, .*, also with ssl_ before each\./,
    ],
    [kinds.ssl, 'x', /^$/],
    [kinds.codeOr('json', 'yaml'), 'jsn', /Did you mean "json"\?/],
    [kinds.wordInAnyCase('ALWAYS', 'NEVER'), 'alway', /Did you mean "ALWAYS"\?/],
    [kinds.wordInAnyCase('ALWAYS', 'NEVER'), 1, /^$/],
    [kinds.orNull(kinds.unknownTask), 'requeu', /Did you mean "requeue"\?/],
  ];
  for (const [kind, value, hint] of rows) {
    it(`as ${JSON.stringify(value)} comes with what was probably meant`, () => {
      assert.match(kind.hint!(value), hint);
    });
  }

  it('or null, where null is something besides the default', () => {
    const kind = kinds.orNull(kinds.count);
    assert.deepEqual([kind.read(null), kind.read(3), kind.read(-1)], [null, 3, UNREADABLE]);
    assert.equal(kind.expects, 'a whole number, 0 or more, or null');
  });

  it('or code, where a function does it as well', () => {
    const kind = kinds.codeOr('json', 'yaml');
    reads(kind, same('json', Math.max), ['xml', 1, null]);
    assert.equal(kind.expects, '"json" or "yaml", or a function');
  });
});

describe('a map of known parts', () => {
  const policy = kinds.mapOf({ max_retries: kinds.count, interval_start: kinds.duration });

  it('is kept under the names of Celery, with its values as they are read', () => {
    const right: Row[] = [
      [{}, {}],
      [
        { maxRetries: 3, interval_start: 'PT2S' },
        { max_retries: 3, interval_start: 2 },
      ],
      [
        { max_retries: null, intervalStart: undefined },
        { max_retries: null, interval_start: undefined },
      ],
    ];
    reads(policy, right, [
      null,
      [],
      'x',
      { max_retries: -1 },
      { maxretries: 3 },
      { constructor: 1 },
    ]);
  });

  const hints: readonly (readonly [unknown, RegExp])[] = [
    [{ max_retries: -1 }, /^ Its max_retries must be a whole number, 0 or more, not -1\.$/],
    [{ maxRetries: 'x' }, /^ Its maxRetries must be .*, not of type string\.$/],
    [{ max_retries: [1] }, /not a list\.$/],
    [{ maxRetry: 3 }, /^ There is no "maxRetry"\. Did you mean "max_retries"\?$/],
    [{ max_retries: 3 }, /^$/],
    ['x', /^$/],
  ];
  for (const [value, hint] of hints) {
    it(`says what is wrong with ${JSON.stringify(value)}`, () => {
      assert.match(policy.hint!(value), hint);
    });
  }
});
