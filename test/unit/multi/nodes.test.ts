import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import type { MultiError } from '../../../src/multi/errors.ts';
import { findNode } from '../../../src/multi/nodes.ts';
import { madeNodes, ownWords } from './made-nodes.ts';

const HOST = hostname();

/** As they are in Celery's documentation of multi, but for `-L`, which no worker knows. */
const EXAMPLES: readonly (readonly [line: string, nodes: readonly string[]])[] = [
  ['Leslie -E', [`-E -n Leslie@${HOST}`]],
  ['3 -c 3', [1, 2, 3].map(i => `-c 3 -n celery${i}@${HOST}`)],
  ['3 --range-prefix=worker -c 3', [1, 2, 3].map(i => `-c 3 -n worker${i}@${HOST}`)],
  ['image video data -c 3', ['image', 'video', 'data'].map(name => `-c 3 -n ${name}@${HOST}`)],
  [
    '2 --hostname=worker.example.com -c 3',
    [1, 2].map(i => `-c 3 -n celery${i}@worker.example.com`),
  ],
  [
    'foo@worker.example.com bar@worker.example.com -c 3',
    ['-c 3 -n foo@worker.example.com', '-c 3 -n bar@worker.example.com'],
  ],
  ['foo@%h bar@%h', [`-n foo@${HOST}`, `-n bar@${HOST}`]],
  [
    '10 -l INFO -Q:1-3 images,video -Q:4,5 data -Q default -l:4,5 DEBUG',
    [
      ...[1, 2, 3].map(i => `-l INFO -Q images,video -n celery${i}@${HOST}`),
      ...[4, 5].map(i => `-l DEBUG -Q data -n celery${i}@${HOST}`),
      ...[6, 7, 8, 9, 10].map(i => `-l INFO -Q default -n celery${i}@${HOST}`),
    ],
  ],
  ['3 -c 3 -c:1 10', [10, 3, 3].map((c, i) => `-c ${c} -n celery${i + 1}@${HOST}`)],
  [
    'image video data -c 3 -c:image 10',
    [`-c 10 -n image@${HOST}`, `-c 3 -n video@${HOST}`, `-c 3 -n data@${HOST}`],
  ],
  ['5 -c 3 -c:1-3 10', [10, 10, 10, 3, 3].map((c, i) => `-c ${c} -n celery${i + 1}@${HOST}`)],
  ['5 -c 3 -c:1,2,3 10', [10, 10, 10, 3, 3].map((c, i) => `-c ${c} -n celery${i + 1}@${HOST}`)],
  [
    'foo bar baz xuzzy -c 3 -c:foo,bar,baz 10',
    ['foo', 'bar', 'baz', 'xuzzy'].map((name, i) => `-c ${i < 3 ? 10 : 3} -n ${name}@${HOST}`),
  ],
];

describe('nodes of multi', () => {
  for (const [line, nodes] of EXAMPLES) {
    it(`Celery's example: ${line}`, () => assert.deepEqual(ownWords(line), nodes));
  }

  it('have their options in the order in which they were given first, and the program before', () => {
    const [node] = madeNodes('w1@h -E --time-limit=300 -A proj -c 3 --concurrency:w1=4 --x');

    assert.equal(node?.executable, '/node');
    assert.deepEqual(node?.words, [
      'tscelery.js',
      '-A',
      'proj',
      'worker',
      '--detach',
      '-E',
      '--time-limit=300',
      '--concurrency=4',
      '--x',
      '-n',
      'w1@h',
      '--pidfile=/var/run/celery/w1.pid',
      '--logfile=/var/log/celery/w1%I.log',
      '--executable=/node',
    ]);
  });

  it('know their files, relative to the directory that they work in', () => {
    const [node] = madeNodes(
      'w1@h.example.com --workdir=/srv -p run/%n-%d-%I.pid --logfile=/var/%p/%h/%%n%I.log',
    );

    assert.equal(node?.workdir, '/srv');
    assert.equal(node?.pidfile, '/srv/run/w1-h.example.com-.pid');
    assert.equal(node?.logfile, '/var/w1@h.example.com/w1@h.example.com/%n.log');
    assert.ok(
      node?.words.includes('--pidfile=run/w1-h.example.com-%I.pid'),
      'what the worker reads',
    );
    assert.equal(madeNodes('w1 --pidfile=%n.pid')[0]?.pidfile, resolve('w1.pid'));
  });

  it('leave the percent signs of a URL alone, and refuse letters that stand for nothing', () => {
    assert.deepEqual(ownWords('w@h -b redis://:a%hb@localhost')[0]?.split(' ')[1], '-b');
    assert.ok(madeNodes('w@h -b redis://:a%hb@x')[0]?.words.includes('redis://:a%hb@x'));
    assert.throws(
      () => madeNodes('w@h --pidfile=%x.pid'),
      /Unknown format %x .*Known formats: %n, %N/,
    );
  });

  it('are started by the words of --cmd, with the global options in their place', () => {
    const line = `w1@h -A proj --cmd='-m celery worker --detach' --executable=/usr/bin/python3`;

    const [node] = madeNodes(line);

    assert.equal(node?.executable, '/usr/bin/python3');
    assert.equal(node?.hasOwnCommand, true);
    assert.match(node?.words.join(' ') ?? '', /^-m celery -A proj worker --detach .* -n w1@h /);
    assert.match(
      madeNodes('w@h --cmd="./node_modules/.bin/tscelery.js worker" -A p')[0]?.words.join(' ') ??
        '',
      /^\.\/node_modules\/\.bin\/tscelery\.js -A p worker -n/,
    );
    assert.throws(() => madeNodes('w1 --cmd="run worker"'), {
      name: 'MultiError',
      message:
        '--cmd="run worker" has no word "tscelery" or "celery", after which the global options go.',
    });
  });

  it('get what follows --, and then the words of --append', () => {
    const [node] = madeNodes(`w1@h --append='worker.x="%n 1"' -- .concurrency=3 -c:9`);

    assert.deepEqual(node?.words.slice(-4), ['--', '.concurrency=3', '-c:9', 'worker.x=w1 1']);
  });

  it('are told apart by options for a name, a place, and a list, each of which counts more', () => {
    const line = 'foo bar -c 1 -c:foo,bar 4 -c:1 3 -c:foo 2 -Q:2 two -Q:bar name';

    assert.deepEqual(ownWords(line), [`-c 4 -n foo@${HOST}`, `-c 4 -Q two -n bar@${HOST}`]);
    assert.deepEqual(ownWords('a b c -c:2-3 9'), [
      `-n a@${HOST}`,
      `-c 9 -n b@${HOST}`,
      `-c 9 -n c@${HOST}`,
    ]);
    assert.deepEqual(ownWords('2 -c:celery2 9 -c:celery1@%h 8'.replace('%h', HOST)), [
      `-c 8 -n celery1@${HOST}`,
      `-c 9 -n celery2@${HOST}`,
    ]);
  });

  for (const [scope, message] of [
    ['0', 'Nodes are counted from 1, not 0 (in ":0").'],
    ['3', 'There is no node 3 (in ":3"): there are 2 nodes, and the last one is 2.'],
    ['1-3', 'There is no node 3 (in ":1-3"): there are 2 nodes, and the last one is 2.'],
    ['2-1', 'The range 2-1 ends before it begins (in ":2-1").'],
    ['imgae', 'There is no node "imgae" (in ":imgae"). Did you mean "image"?'],
    ['image,x-y', 'There is no node "x-y" (in ":image,x-y").'],
  ] as const) {
    it(`are named when an option is for one that is not there: -c:${scope}`, () => {
      assert.throws(() => madeNodes(`image@h video@h -c:${scope} 3`), {
        name: 'MultiError',
        message,
      });
    });
  }

  it('are found by their whole name and by the part before @', () => {
    const nodes = madeNodes('w1@a w2@a');

    assert.equal(findNode(nodes, 'w2@a').name, 'w2@a');
    assert.equal(findNode(nodes, 'w1').name, 'w1@a');
    assert.throws(
      () => findNode(nodes, 'w3'),
      (error: MultiError) => {
        assert.equal(error.code, 'MULTI');
        assert.match(error.message, /There is no node "w3"\. Did you mean "w1"\?/);
        return true;
      },
    );
  });
});
