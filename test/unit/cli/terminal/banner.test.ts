import assert from 'node:assert/strict';
import os from 'node:os';
import { describe, it } from 'node:test';
import { type BannerFacts, banner } from '../../../../src/cli/terminal/banner.ts';
import { exchange, queue } from '../../../../src/messaging/entities.ts';

const FACTS: BannerFacts = {
  node: 'w1@h',
  app: 'proj:0x1',
  brokerUrl: 'redis://localhost:6379/0',
  resultBackend: null,
  embedded: false,
  concurrency: 4,
  slots: 1,
  pool: 'prefork',
  sendsEvents: false,
  queues: [queue('celery')],
  tasks: ['proj.add', 'celery.ping', 'a.first'],
  logLevel: 'warning',
};

const shown = (facts: Partial<BannerFacts> = {}) => banner({ ...FACTS, ...facts });

describe('the banner', () => {
  it('names the node, the version and the machine', () => {
    const lines = shown().split('\n');

    assert.match(lines[1]!, /w1@h v\d+\.\d+\.\d+\S* \(tscelery\)$/);
    assert.ok(lines[3]!.includes(`${os.type()}-${os.release()}`));
    assert.match(lines[3]!, /Node-\d+\.\d+\.\d+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  });

  const config: readonly (readonly [string, Partial<BannerFacts>, RegExp])[] = [
    ['the app', {}, /\.> app: {9}proj:0x1$/m],
    ['the broker', {}, /\.> transport: {3}redis:\/\/localhost:6379\/0$/m],
    ['that there are no results', {}, /\.> results: {5}disabled:\/\/$/m],
    ['where results are kept', { resultBackend: 'rpc://' }, /\.> results: {5}rpc:\/\/$/m],
    ['how many children there are', {}, /\.> concurrency: 4 \(prefork\)$/m],
    ['what each child runs at once', { slots: 3 }, /concurrency: 4 x 3 slots \(prefork\)$/m],
    [
      'between which numbers they vary',
      { autoscale: { min: 2, max: 9 } },
      /concurrency: \{min=2, max=9\} \(prefork\)$/m,
    ],
    [
      'these and the slots',
      { autoscale: { min: 0, max: 1 }, slots: 2 },
      /\{min=0, max=1\} x 2 slots \(prefork\)$/m,
    ],
    ['that there are no events', {}, /\.> task events: OFF$/m],
    ['that there are events', { sendsEvents: true }, /\.> task events: ON$/m],
    [
      'that the broker is a file of ours',
      { embedded: true, brokerUrl: 'sqlite:///x.db' },
      /sqlite:\/\/\/x\.db \(embedded: set broker_url to use a server\)$/m,
    ],
  ];
  for (const [what, facts, expected] of config) {
    it(`tells ${what}`, () => assert.match(shown(facts), expected));
  }

  it('keeps passwords to itself', () => {
    const text = shown({
      brokerUrl: 'amqp://me:hush@h//',
      resultBackend: 'rediss://:hush@h/1?password=hush',
    });
    assert.ok(!text.includes('hush'), text);
    assert.match(text, /amqp:\/\/me:\*\*@h/);
  });

  it('lists the queues by name, with where their messages come from', () => {
    const text = shown({
      queues: [
        queue('late', { exchange: exchange('jobs', 'topic'), routingKey: 'late.#' }),
        queue('a-very-long-name-of-a-queue'),
        queue('celery'),
      ],
    });

    const [, list] = text.split('[queues]');
    const rows = list!.split('\n').flatMap(line => /\.> .*/.exec(line) ?? []);
    assert.deepEqual(rows, [
      '.> a-very-long-name-of-a-queue exchange=a-very-long-name-of-a-queue(direct) key=a-very-long-name-of-a-queue',
      '.> celery           exchange=celery(direct) key=celery',
      '.> late             exchange=jobs(topic) key=late.#',
    ]);
  });

  const levels: readonly (readonly [BannerFacts['logLevel'], readonly string[]])[] = [
    ['critical', []],
    ['error', []],
    ['warning', []],
    ['info', ['a.first', 'proj.add']],
    ['debug', ['a.first', 'celery.ping', 'proj.add']],
  ];
  for (const [logLevel, expected] of levels) {
    it(`lists ${expected.length} of three tasks at the level ${logLevel}`, () => {
      const rows = shown({ logLevel })
        .split('\n')
        .flatMap(line => /^ {2}\. (.*)/.exec(line)?.[1] ?? []);
      assert.deepEqual(rows, expected);
    });
  }

  it('has nothing at the ends of its lines, which all are as far in', () => {
    const lines = shown({ logLevel: 'debug' }).split('\n').slice(1);
    for (const line of lines) assert.equal(line, line.trimEnd());
    const columns = lines.flatMap(line => {
      const at = line.indexOf('.> ');
      return at < 0 ? [] : [at];
    });
    assert.deepEqual([...new Set(columns)], [16]);
  });
});
