import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  details,
  detailsJson,
  type Filter,
  type Found,
  found,
  LIST_HEADER,
  listJson,
  listLine,
  matcher,
} from '../../../src/cli/dead-letters.ts';
import { buryMessage, type Death } from '../../../src/wire/messages/dead-letter.ts';
import type { Message } from '../../../src/wire/messages/message.ts';
import { MadeDelivery, messageFor } from '../worker/made-requests.ts';

const DEATH: Death = {
  reason: 'failed',
  error: 'ValueError: no\n  at line 2',
  diedAt: Date.UTC(2026, 0, 31, 8) / 1000,
  queue: 'celery',
  exchange: 'jobs',
  routingKey: 'jobs.now',
  deliveries: 3,
  worker: 'w1@h',
};

const lay = (message: Message): Found => found(new MadeDelivery({ message }));
const dead = (death: Partial<Death> = {}, message = messageFor()) =>
  lay(buryMessage(message, { ...DEATH, ...death }));
const sent = () => lay(messageFor({ task: 't.sent', id: 'sent-1' }));
const strange = (headers: Record<string, unknown>, body = 'x') =>
  lay({ ...messageFor(), headers, body } as Message);

describe('a dead letter', () => {
  it('is a line of columns below the header', () => {
    assert.equal(LIST_HEADER.indexOf('REASON'), 22);
    const line = listLine(dead());
    assert.match(line, /^2026-01-31T08:00:00Z +failed +celery +t\.add +1 +ValueError: no$/);
    for (const [column, word] of [
      ['REASON', 'failed'],
      ['QUEUE', 'celery'],
      ['TASK', 't.add'],
      ['ERROR', 'ValueError'],
    ] as const) {
      assert.equal(line.indexOf(word), LIST_HEADER.indexOf(column), column);
    }
  });

  it('shows the first line of a long error, and not all of that', () => {
    const line = listLine(dead({ error: `${'e'.repeat(500)}\nmore` }));
    assert.equal(line.match(/e+$/)?.[0].length, 100);
  });

  it('has strokes for what nobody said', () => {
    const letter = dead({ diedAt: undefined, error: '' }, messageFor({ id: '2' }));
    assert.match(listLine(letter), /^- +failed +celery +t\.add +2$/);
    assert.match(listLine(sent()), /^- +- +- +t\.sent +sent-1$/);
    assert.match(listLine(strange({})), /^- +- +- +- +-$/);
  });

  it('cannot forge another line', () => {
    const line = listLine(dead({ error: 'a\rb\u001b[1m', queue: 'q\n2' }));
    assert.ok(line.includes('a\\x0db\\x1b[1m') && line.includes('q\\n2'), line);
  });

  it('is shown whole, with all there is to know of it', () => {
    const text = details('dead', dead());

    const expected = [
      /^dead: t\.add\[1\]\n/,
      /\n {4}reason {6}failed \(w1@h\)\n/,
      /\n {4}error {7}ValueError: no\n {18}at line 2\n/,
      /\n {4}died {8}2026-01-31T08:00:00Z\n/,
      /\n {4}exchange {4}jobs\n {4}routing key jobs\.now\n {4}deliveries {2}3\n/,
      /\n {4}headers {5}\{.*"task":"t\.add".*\}\n/,
      /\n {4}content {5}application\/json utf-8\n/,
      /\n {4}body {8}\[\[\], \{\}, .*\]\n$/,
    ];
    for (const each of expected) assert.match(text, each);
    assert.ok(!text.includes('tscelery_dead_letter'), 'our note is no header of the sender');
  });

  it('that nobody gave up is shown with strokes', () => {
    const text = details('dead', strange({ task: 5 }));
    assert.match(text, /^dead: no task\[\?\]\n {4}reason {6}-\n {4}error {7}-\n/);
    assert.match(text, /deliveries {2}-\n {4}args {8}-\n/);
  });

  it('is JSON for programs', () => {
    const { args, kwargs, ...rest } = JSON.parse(listJson('dead', dead()));
    assert.deepEqual([args, kwargs], ['()', '{}']);
    assert.deepEqual(rest, {
      dead_letter_queue: 'dead',
      task: 't.add',
      id: '1',
      reason: 'failed',
      error: DEATH.error,
      died_at: '2026-01-31T08:00:00+00:00',
      queue: 'celery',
      exchange: 'jobs',
      routing_key: 'jobs.now',
      deliveries: 3,
      worker: 'w1@h',
    });
  });

  it('is JSON with nulls for what nobody said', () => {
    const { reason, died_at, deliveries, worker } = JSON.parse(listJson('dead', sent()));
    assert.deepEqual([reason, died_at, deliveries, worker], [null, null, null, null]);
  });

  it('has its body in JSON as text, or as base64 when it is none', () => {
    assert.match(JSON.parse(detailsJson('dead', dead())).body, /^\[\[\], \{\}/);

    const binary = lay({ ...messageFor(), body: Buffer.from([0xff, 0xfe]) } as Message);
    const shown = JSON.parse(detailsJson('dead', binary));
    assert.deepEqual([shown.body, shown.body_base64], [undefined, '//4=']);
    assert.match(details('dead', binary), /body {8}base64:\/\/4=/);
  });

  it('has integers of any size in its headers', () => {
    const letter = strange({ big: 12_345_678_901_234_567_890n });
    assert.equal(JSON.parse(detailsJson('dead', letter)).headers.big, '12345678901234567890');
  });

  it('is one line of JSON, whatever is in it', () => {
    const json = listJson('dead', dead({ error: 'a\u2028b\u009bc\u202e' }));
    assert.doesNotMatch(json, /[\u0080-\u009f\u2028\u202e]/);
    assert.equal(JSON.parse(json).error, 'a\u2028b\u009bc\u202e');
  });
});

describe('a search for dead letters', () => {
  const before = DEATH.diedAt! - 1;
  const rows: readonly (readonly [string, Filter, Found, boolean])[] = [
    ['for nothing finds all', {}, sent(), true],
    ['by name', { task: 't.add' }, dead(), true],
    ['by another name', { task: 't.ad' }, dead(), false],
    ['by the end of a name', { task: '*.add' }, dead(), true],
    ['by one letter', { task: 't?add' }, dead(), true],
    [
      'by a name whose point is a point',
      { task: 't.add' },
      lay(messageFor({ task: 'txadd' })),
      false,
    ],
    ['by signs of other languages', { task: 't.(add|x)$' }, dead(), false],
    ['by several stars in a long name', { task: '*a*d*' }, dead(), true],
    ['by its id', { id: ['7', '1'] }, dead(), true],
    ['by other ids', { id: ['7'] }, dead(), false],
    ['by no id', { id: [] }, dead(), false],
    ['by its reason', { reason: 'failed' }, dead(), true],
    ['by another reason', { reason: 'expired' }, dead(), false],
    ['by a reason, of what has none', { reason: 'failed' }, sent(), false],
    ['by a time before its death', { since: before }, dead(), true],
    ['by the time of its death', { since: DEATH.diedAt! }, dead(), true],
    ['by a time after it', { since: DEATH.diedAt! + 1 }, dead(), false],
    ['by a time, of what has none', { since: 0 }, sent(), false],
    ['by two things', { task: 't.*', reason: 'failed' }, dead(), true],
    ['by two things of which one is wrong', { task: 't.*', id: ['2'] }, dead(), false],
  ];
  for (const [what, filter, letter, isFound] of rows) {
    it(`${what} ${isFound ? 'finds' : 'does not find'} it`, () => {
      assert.equal(matcher(filter)(letter), isFound);
    });
  }
});
