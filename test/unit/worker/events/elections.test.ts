import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import type { Event } from '../../../../src/wire/messages/event.ts';
import { Elections } from '../../../../src/worker/events/elections.ts';

const stamp = { utcoffset: 0, timestamp: 1 };

/** Nodes that hear each event in the order in which it was sent, as over Redis. */
class Fleet {
  readonly clock = new FakeClock(1000);
  readonly sent: Event[] = [];
  readonly nodes: FleetNode[] = [];

  add(name: string, options: NodeOptions = {}): FleetNode {
    const node = new FleetNode(this, `${name}@h`, options);
    this.nodes.push(node);
    return node;
  }

  /** Everybody hears everything, until nobody says any more. */
  talk(): void {
    for (let event = this.sent.shift(); event; event = this.sent.shift()) {
      for (const node of this.nodes) node.hear(event);
    }
  }

  get log(): string[] {
    return this.nodes.flatMap(({ name, log }) => log.map(line => `${name}: ${line}`));
  }

  get done(): [string, unknown][] {
    return this.nodes.flatMap(({ name, done }) =>
      done.map((action): [string, unknown] => [name, action]),
    );
  }
}

interface NodeOptions {
  readonly pid?: number;
  /** Logical clock of its first event. */
  readonly clock?: number;
  /** Others that it takes for alive; default: all. */
  readonly alive?: number;
}

class FleetNode {
  readonly log: string[] = [];
  readonly done: unknown[] = [];
  readonly sent: Event[] = [];
  readonly elections: Elections;
  readonly name: string;

  constructor(fleet: Fleet, name: string, { pid = 1, clock = 1, alive }: NodeOptions) {
    this.name = name;
    let time = clock;
    const line = (text: string) => void this.log.push(text);
    this.elections = new Elections({
      ownId: `${name}.${pid}`,
      topics: { task: async action => void this.done.push(action) },
      clock: fleet.clock,
      logger: { info: line, warning: line, error: line } as never,
      alive: () => alive ?? fleet.nodes.length - 1,
      send: (type, fields) => {
        const event = { ...stamp, hostname: name, pid, clock: time, ...fields, type };
        time += 1;
        this.sent.push(event);
        fleet.sent.push(event);
      },
    });
  }

  /** @param bytes of the message that it came in */
  hear(event: Event, bytes = 100): void {
    if (event.type === 'worker-elect') this.elections.offered(event, bytes);
    else this.elections.acknowledged(event);
  }
}

const offer = (fields: object) =>
  ({
    ...{ ...stamp, type: 'worker-elect', hostname: 'x@h', pid: 1, clock: 1, cver: 1 },
    ...{ id: 'e', topic: 'task', action: null },
    ...fields,
  }) as Event;
const ack = (id: unknown) =>
  ({ ...stamp, type: 'worker-elect-ack', hostname: 'x@h', pid: 1, clock: 1, id }) as Event;

describe('an election', () => {
  test('is won by the lowest logical clock, and the others know by whom', () => {
    const fleet = new Fleet();
    for (const [name, clock] of [
      ['a', 7],
      ['b', 3],
      ['c', 5],
    ] as const)
      fleet.add(name, { clock });

    for (const { elections } of fleet.nodes) elections.elect('e1', 'task', { task: 't' });
    fleet.talk();

    assert.deepEqual(fleet.done, [['b@h', { task: 't' }]]);
    assert.deepEqual(fleet.log, [
      "a@h: node b@h.1 elected for 'e1'",
      "b@h: I won the election 'e1'",
      "c@h: node b@h.1 elected for 'e1'",
    ]);
  });

  test('goes by node name and then by pid among equal clocks', () => {
    for (const [names, pids, winner] of [
      [['b', 'a', 'c'], [1, 1, 1], 'a@h'],
      [['a', 'a', 'b'], [20, 10, 1], 'a@h'],
    ] as const) {
      const fleet = new Fleet();
      for (const [at, name] of names.entries()) fleet.add(name, { pid: pids[at]! });

      for (const { elections } of fleet.nodes) elections.elect('e', 'task', null);
      fleet.talk();

      assert.deepEqual(fleet.done, [[winner, null]]);
    }
  });

  test('is won by a node that is alone', () => {
    const fleet = new Fleet();
    fleet.add('a').elections.elect('e', 'task', 1);
    fleet.talk();

    assert.deepEqual(fleet.done, [['a@h', 1]]);
  });

  test('has one winner in a fleet of fifty, whoever is told first', () => {
    const fleet = new Fleet();
    for (let n = 0; n < 50; n++) fleet.add(`n${n}`, { clock: ((n * 37) % 50) + 1 });

    for (const { elections } of [...fleet.nodes].reverse()) elections.elect('e', 'task', 1);
    fleet.talk();

    assert.deepEqual(fleet.done, [['n0@h', 1]]);
  });

  test('of two at once each has its winner', () => {
    const fleet = new Fleet();
    const [a, b] = [fleet.add('a', { clock: 1 }), fleet.add('b', { clock: 5 })];
    b.elections.elect('e2', 'task', 2);
    a.elections.elect('e1', 'task', 1);
    b.elections.elect('e1', 'task', 1);
    for (let n = 0; n < 9; n++) a.elections.elect(`x${n}`, 'other', null);
    a.elections.elect('e2', 'task', 2);
    fleet.talk();

    assert.deepEqual(fleet.done, [
      ['a@h', 1],
      ['b@h', 2],
    ]);
  });

  test('can be held again under the same name', () => {
    const fleet = new Fleet();
    fleet.add('a', { clock: 1 });
    fleet.add('b', { clock: 9 });
    for (const action of [1, 2]) {
      for (const { elections } of fleet.nodes) elections.elect('e', 'task', action);
      fleet.talk();
    }

    assert.deepEqual(fleet.done, [
      ['a@h', 1],
      ['a@h', 2],
    ]);
  });

  test('is acknowledged, and not taken part in, by a node that nobody told of it', () => {
    const fleet = new Fleet();
    const [a, b] = [fleet.add('a'), fleet.add('b')];
    a.elections.elect('e', 'task', 1);
    fleet.talk();
    fleet.clock.advance(1);
    fleet.talk();

    assert.deepEqual(fleet.done, [['a@h', 1]]);
    assert.deepEqual(b.log, []);
    assert.deepEqual(
      b.sent.map(({ type }) => type),
      ['worker-elect-ack'],
    );
  });

  test('with an unknown topic is won, and says so', () => {
    const fleet = new Fleet();
    for (const topic of ['other', 'toString', 7, null]) {
      const node = fleet.add('a', { alive: 0 });
      fleet.nodes.splice(0, 1, node);
      fleet.nodes.length = 1;
      node.elections.elect('e', topic, null);
      fleet.talk();
      assert.equal(node.log.length, 2);
      assert.match(node.log[1]!, /^Unknown election topic /);
    }
  });
});

describe('what a node sends in an election', () => {
  test('is an offer, and one acknowledgement for each offer when those of all are there', () => {
    const fleet = new Fleet();
    const node = fleet.add('a', { alive: 2 });
    node.elections.elect('e', 'task', null);
    const acks = () => node.sent.filter(({ type }) => type === 'worker-elect-ack').length;

    assert.deepEqual(
      node.sent.map(({ type, id, topic, action, cver }) => ({ type, id, topic, action, cver })),
      [{ type: 'worker-elect', id: 'e', topic: 'task', action: null, cver: 1 }],
    );
    node.hear(offer({ hostname: 'b@h' }));
    node.hear(offer({ hostname: 'c@h' }));
    assert.equal(acks(), 0);
    node.hear(offer({ hostname: 'a@h' }));
    assert.equal(acks(), 3);
    node.hear(offer({ hostname: 'd@h' }));
    assert.equal(acks(), 4);
  });

  test('waits no longer than a second for offers of nodes that make none', () => {
    const fleet = new Fleet();
    const node = fleet.add('a', { alive: 5 });
    node.hear(offer({}));
    fleet.clock.advance(0.9);
    assert.equal(node.sent.length, 0);
    fleet.clock.advance(0.2);

    assert.deepEqual(
      node.sent.map(({ type, id }) => [type, id]),
      [['worker-elect-ack', 'e']],
    );
  });

  test('also acknowledges offers that come when all is over', () => {
    const fleet = new Fleet();
    const node = fleet.add('a');
    node.elections.elect('e', 'task', 1);
    fleet.talk();
    const before = node.sent.length;

    node.hear(offer({ hostname: 'late@h', clock: 0 }));

    assert.equal(node.sent.length, before + 1);
    assert.deepEqual(node.done, [1]);
  });
});

describe('an election that goes wrong', () => {
  test('is given up after ten seconds, with a warning', () => {
    const fleet = new Fleet();
    const node = fleet.add('a', { alive: 3 });
    node.elections.elect('e', 'task', null);
    fleet.talk();
    fleet.clock.advance(1);
    fleet.talk();
    assert.deepEqual(node.log, []);
    fleet.clock.advance(10);

    assert.deepEqual(node.log, [
      "election 'e' was not decided: 1 of 3 acknowledgements came within 10 seconds",
    ]);
    assert.equal(fleet.clock.pending, 0);
    node.hear(ack('e'));
    assert.deepEqual(node.done, []);
  });

  test('is refused with an id that is none', () => {
    const { elections } = new Fleet().add('a');
    for (const id of [null, undefined, {}, ['x'], 'x'.repeat(201)]) {
      assert.throws(() => elections.elect(id, 'task', null), {
        name: 'TypeError',
        message: /no id/,
      });
    }
  });

  test('says which field an offer lacks, and what is no offer changes nothing', () => {
    const fleet = new Fleet();
    const node = fleet.add('a', { alive: 0 });
    for (const field of ['id', 'clock', 'pid', 'topic', 'action', 'cver']) {
      node.hear(offer({ [field]: undefined }));
    }
    assert.deepEqual(
      node.log,
      ['id', 'clock', 'pid', 'topic', 'action', 'cver'].map(
        field => `election request missing field '${field}'`,
      ),
    );
    for (const made of [offer({ id: {} }), offer({ clock: 'x' }), offer({ clock: null })]) {
      node.hear(made);
    }
    for (const id of [undefined, {}, 'nobody']) node.hear(ack(id));
    assert.deepEqual(node.sent, []);
    assert.equal(fleet.clock.pending, 0);
  });

  test('keeps control characters of strangers out of the log', () => {
    const fleet = new Fleet();
    const node = fleet.add('a', { alive: 0 });
    node.elections.elect('e\n\u001b[31m', 'task', null);
    node.hear(offer({ id: 'e\n\u001b[31m', hostname: 'evil\n\u001b@h', clock: -1 }));
    node.hear(ack('e\n\u001b[31m'));

    assert.equal(node.log.length, 1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    assert.doesNotMatch(node.log[0]!, /[\n\u001b]/);
  });

  test('does not fill the memory: a thousand are open at most, and none after a stop', () => {
    const fleet = new Fleet();
    const node = fleet.add('a', { alive: 9 });
    for (let n = 0; n < 5000; n++) node.hear(offer({ id: `e${n}` }));
    // two timers for each
    assert.equal(fleet.clock.pending, 2000);
    node.elections.stop();
    assert.equal(fleet.clock.pending, 0);
  });
});

describe('offers that are large', () => {
  const MB = 1024 ** 2;

  test('push out the oldest elections, before they are too much together', () => {
    const fleet = new Fleet();
    const node = fleet.add('a', { alive: 1 });
    for (const id of ['e1', 'e2', 'e3']) node.elections.elect(id, 'task', id);

    for (const id of ['e1', 'e2', 'e3']) node.hear(offer({ id, hostname: 'a@h' }), 7 * MB);
    for (const id of ['e1', 'e2', 'e3']) node.hear(ack(id));

    assert.deepEqual(node.log, ["I won the election 'e2'", "I won the election 'e3'"]);
    node.elections.stop();
    assert.equal(fleet.clock.pending, 0);
  });

  test('count no more once their election is over, or has a better one', () => {
    const fleet = new Fleet();
    const node = fleet.add('a', { alive: 1 });
    for (let n = 0; n < 20; n++) {
      node.elections.elect('again', 'task', n);
      node.hear(offer({ id: 'again', hostname: 'a@h' }), 7 * MB);
      node.hear(ack('again'));
    }
    assert.equal(node.log.length, 20);

    for (const id of ['e1', 'e2']) node.elections.elect(id, 'task', id);
    for (let clock = 20; clock > 0; clock--) {
      node.hear(offer({ id: 'e1', hostname: 'b@h', clock }), 7 * MB);
    }
    node.hear(offer({ id: 'e2', hostname: 'b@h' }), 7 * MB);
    for (const id of ['e1', 'e2']) node.hear(ack(id));

    assert.deepEqual(node.log.slice(20), [
      "node b@h.1 elected for 'e1'",
      "node b@h.1 elected for 'e2'",
    ]);
  });

  test('may be one that is larger than all together may be', () => {
    const fleet = new Fleet();
    const node = fleet.add('a', { alive: 1 });
    for (const id of ['small', 'huge']) node.elections.elect(id, 'task', id);

    node.hear(offer({ id: 'small', hostname: 'b@h' }));
    node.hear(offer({ id: 'huge', hostname: 'b@h' }), 100 * MB);
    for (const id of ['small', 'huge']) node.hear(ack(id));

    assert.deepEqual(node.log, ["node b@h.1 elected for 'huge'"]);
  });
});
