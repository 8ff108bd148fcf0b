import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SecurityError } from '../../../src/base/errors.ts';
import { saferepr } from '../../../src/base/text/saferepr.ts';
import { acceptedContentTypes } from '../../../src/wire/content.ts';
import { ContentDisallowed, DecodeError, InvalidTaskError } from '../../../src/wire/errors.ts';
import {
  decodeEnvelope,
  encodeEnvelope,
  markRedelivered,
} from '../../../src/wire/messages/envelope.ts';
import {
  customHeaders,
  isTaskMessage,
  readTaskBody,
  readTaskHeaders,
} from '../../../src/wire/messages/task-message.ts';
import {
  decodeException,
  encodeException,
  exceptionRepr,
} from '../../../src/wire/results/exception.ts';
import { decodeMeta, encodeMeta } from '../../../src/wire/results/result-meta.ts';
import { jsonEncode } from '../../../src/wire/serializers/json.ts';
import { pickleDecode } from '../../../src/wire/serializers/pickle.ts';
import { capturedMessages, capturedMetas, readGolden } from './golden-files.ts';

/**
 * Captured messages, damaged at random. Whatever comes in, only the documented errors may
 * come out: a worker handles those, and dies of any other.
 */

const ACCEPT = acceptedContentTypes(['json', 'yaml', 'msgpack', 'pickle']);
const DOCUMENTED = [DecodeError, InvalidTaskError, ContentDisallowed, SecurityError];
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 6000);
const SEED = Number(process.env.FUZZ_SEED ?? 20261121);

type Random = () => number;

/** mulberry32 */
function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

const SNIPPETS = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'NaN',
  '-Infinity',
  'null',
  '12345678901234567890',
  '"__type__": "datetime", "__value__": ',
  '{"__type__": "bytes", "__value__": "x"}',
  '\\ud800',
  '\u0000',
  '"__proto__": ',
  '😀',
  '-',
  '1e999',
  'true',
] as const;

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  '',
  'x',
  '2026-02-30',
  '2030-01-02T03:04:05Z',
  [],
  {},
  [[]],
  [null, null],
  { __type__: 'datetime', __value__: '2030-01-02T03:04:05.000001' },
  { __type__: 'base64', __value__: '/wA=' },
  { __type__: 'nothing', __value__: { a: 1 } },
  { toJSON: 1 },
  'application/x-gzip',
  'application/x-python-serialize',
  'utf-16',
  'base64',
];

function damageText(random: Random, text: string): string {
  let damaged = text;
  for (let times = 1 + Math.floor(random() * 3); times > 0; times--) {
    const at = Math.floor(random() * damaged.length);
    const length = Math.floor(random() * 8);
    const insert = random() < 0.6 ? pick(random, SNIPPETS) : '';
    damaged = damaged.slice(0, at) + insert + damaged.slice(at + length);
  }
  return damaged;
}

/** Replaces a value somewhere in the document, or takes it out. */
function damageValue(random: Random, text: string): string {
  const root = JSON.parse(text) as Record<string, unknown>;
  let target = root;
  for (;;) {
    const key = pick(random, Object.keys(target));
    const child = target[key];
    const isBranch = typeof child === 'object' && child !== null && Object.keys(child).length > 0;
    if (isBranch && random() < 0.8) {
      target = child as Record<string, unknown>;
    } else {
      if (random() < 0.3) delete target[key];
      else target[key] = pick(random, VALUES);
      return JSON.stringify(root);
    }
  }
}

/** Damages the body within the envelope. */
function damageBody(random: Random, text: string): string {
  const envelope = JSON.parse(text) as { body: string };
  const body = Buffer.from(envelope.body, 'base64').toString('latin1');
  envelope.body = Buffer.from(damageText(random, body), 'latin1').toString('base64');
  return JSON.stringify(envelope);
}

function outcome(run: () => void, input: string): string {
  try {
    run();
    return 'read';
  } catch (error) {
    const documented = DOCUMENTED.find(Class => error instanceof Class);
    if (documented === undefined) {
      throw new assert.AssertionError({
        message: `${String(error)} for ${JSON.stringify(input)} (seed ${SEED})\n${(error as Error).stack}`,
      });
    }
    return documented.name;
  }
}

function count(outcomes: Map<string, number>, name: string): void {
  outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
}

describe('a damaged message', () => {
  const raws = capturedMessages().flatMap(({ messages }) => messages.map(({ raw }) => raw));

  for (const [what, damage] of [
    ['text', damageText],
    ['values', damageValue],
    ['body', damageBody],
  ] as const) {
    test(`is read or refused when the damage is in its ${what}`, () => {
      const random = seeded(SEED);
      const outcomes = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round++) {
        const raw = damage(random, pick(random, raws));
        count(
          outcomes,
          outcome(() => readEverything(raw), raw),
        );
      }

      // Otherwise the damage would test nothing.
      assert.ok((outcomes.get('read') ?? 0) > ROUNDS / 100, saferepr(outcomes));
      assert.ok((outcomes.get('read') ?? 0) < ROUNDS, saferepr(outcomes));
    });
  }
});

function readEverything(raw: string): void {
  const { message } = decodeEnvelope(raw);
  markRedelivered(raw);
  // What was read can be sent on.
  decodeEnvelope(encodeEnvelope(message, { exchange: '', routingKey: 'q', deliveryTag: 't' }));
  isTaskMessage(message);
  saferepr(customHeaders(message.headers));
  const problems = [
    outcome(() => saferepr(readTaskHeaders(message)), raw),
    outcome(() => jsonEncode(readTaskBody(message, ACCEPT).args), raw),
  ].filter(problem => problem !== 'read');
  if (problems.length > 0) throw new DecodeError(problems.join());
}

describe('a damaged result document', () => {
  test('is read or refused', () => {
    const raws = capturedMetas().map(({ raw }) => raw);
    const random = seeded(SEED);
    const outcomes = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const raw = (round % 2 === 0 ? damageText : damageValue)(random, pick(random, raws));
      count(
        outcomes,
        outcome(() => readResult(raw), raw),
      );
    }

    assert.ok((outcomes.get('read') ?? 0) > ROUNDS / 10, saferepr(outcomes));
  });
});

function readResult(raw: string): void {
  const meta = decodeMeta(raw);
  const error = decodeException(meta.result);
  exceptionRepr(error);
  encodeMeta({ ...meta, result: encodeException(error) });
}

describe('a damaged pickle', () => {
  test('is read or refused', () => {
    const file = readGolden('backends/database_sqlite_5.2.6_extended.json');
    const rows = [...(file.celery_taskmeta as []), ...(file.celery_tasksetmeta as [])];
    const pickles = rows.map(({ result }: { result: { hex: string } }) =>
      Buffer.from(result.hex, 'hex'),
    );
    const random = seeded(SEED);
    const outcomes = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = Buffer.from(pick(random, pickles));
      for (let times = 1 + Math.floor(random() * 4); times > 0; times--) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
      count(
        outcomes,
        outcome(() => saferepr(pickleDecode(bytes)), bytes.toString('hex')),
      );
    }

    for (const name of ['read', 'DecodeError', 'SecurityError']) {
      assert.ok((outcomes.get(name) ?? 0) > 0, saferepr(outcomes));
    }
  });
});
