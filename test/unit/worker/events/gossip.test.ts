import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LamportClock } from '../../../../src/base/time/lamport.ts';
import type { EventDispatcher } from '../../../../src/events/dispatcher.ts';
import type { Delivery } from '../../../../src/messaging/contract.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { acceptedContentTypes } from '../../../../src/wire/content.ts';
import { DecodeError } from '../../../../src/wire/errors.ts';
import { buildEventMessage, type Event } from '../../../../src/wire/messages/event.ts';
import { Gossip } from '../../../../src/worker/events/gossip.ts';

const OWN = 'own@h';

function setup() {
  const clock = new FakeClock(1000);
  const lamport = new LamportClock();
  const log: string[] = [];
  const sent: string[] = [];
  const at = (level: string) => (text: string) => void log.push(`${level} ${text}`);
  const link = { isConnected: true, losses: 0 };
  const gossip = new Gossip({
    ...{ hostname: OWN, clock, lamport },
    events: { send: (type: string) => void sent.push(type) } as unknown as EventDispatcher,
    logger: { debug: at('DEBUG'), info: at('INFO'), error: at('ERROR') } as never,
    accept: acceptedContentTypes(['json']),
    topics: {},
    isConnected: () => link.isConnected,
    losses: () => link.losses,
  });
  const hear = (type: string, hostname: string, fields: object = {}) =>
    gossip.hear(delivery({ type, hostname, freq: 2, clock: 1, pid: 1, ...fields }));
  return { gossip, clock, lamport, log, sent, link, hear };
}

function delivery(event: object, more: Partial<Delivery> = {}): Delivery {
  const { hostname, type } = event as Event;
  const made = { utcoffset: 0, timestamp: 1, ...event } as Event;
  const routingKey = type.replaceAll('-', '.');
  const message = buildEventMessage(made, { hostname, serializer: 'json' });
  return { routingKey, message, ...more } as Delivery;
}

describe('a worker that listens to others', () => {
  test('tells who joins, also by a heartbeat alone, and who leaves', () => {
    const { gossip, log, hear } = setup();

    hear('worker-online', 'a@h');
    hear('worker-heartbeat', 'a@h');
    hear('worker-heartbeat', 'b@h');
    hear('worker-offline', 'a@h');
    hear('worker-heartbeat', 'a@h');

    assert.deepEqual(log, [
      'DEBUG a@h joined the party',
      'DEBUG b@h joined the party',
      'DEBUG a@h left',
      'DEBUG a@h joined the party',
    ]);
    assert.deepEqual(gossip.membership.nodes, ['b@h', 'a@h']);
  });

  test('goes on when a message names a sender that is no name', () => {
    const { gossip, lamport, hear } = setup();
    const beat = { type: 'worker-heartbeat', hostname: 'a@h', freq: 2, clock: 1, pid: 1 };
    const from = (hostname: unknown) => {
      const { message, ...rest } = delivery(beat);
      gossip.hear({ ...rest, message: { ...message, headers: { hostname } } } as Delivery);
    };
    hear('worker-heartbeat', 'a@h');

    for (const strange of [{ toString: 1 }, null, undefined, 5, ['a@h'], '', 'x'.repeat(1e6)]) {
      const before = lamport.value;
      from(strange);
      assert.ok(lamport.value > before);
    }
    assert.deepEqual(gossip.membership.nodes, ['a@h']);
  });

  test('misses the heartbeat of a node that is silent for two of its intervals', () => {
    const { gossip, clock, log, hear } = setup();
    gossip.start();
    hear('worker-heartbeat', 'quick@h', { freq: 2 });
    hear('worker-heartbeat', 'slow@h', { freq: 20 });
    log.length = 0;

    clock.advance(5);
    assert.deepEqual(log, ['INFO missed heartbeat from quick@h']);
    assert.equal(gossip.membership.alive, 1);
    hear('worker-heartbeat', 'quick@h');
    clock.advance(5);

    assert.deepEqual(log.slice(1), [
      'DEBUG quick@h joined the party',
      'INFO missed heartbeat from quick@h',
    ]);
    gossip.stop();
    assert.equal(clock.pending, 0);
  });

  test('misses nobody while it hears nothing itself, or was asleep', () => {
    const { gossip, clock, log, link, hear } = setup();
    gossip.start();
    hear('worker-heartbeat', 'a@h');
    log.length = 0;
    link.isConnected = false;
    clock.advance(5);
    assert.deepEqual(log, []);

    link.isConnected = true;
    hear('worker-heartbeat', 'a@h');
    gossip.start();
    // the clock of the machine was set, or the process stood still
    const now = clock.now.bind(clock);
    clock.now = () => now() + 60;
    clock.advance(5);
    assert.deepEqual(log, []);

    clock.advance(5);
    assert.deepEqual(log, ['INFO missed heartbeat from a@h']);
    gossip.stop();
  });

  test('misses nobody who was not due since it hears again itself', () => {
    const { gossip, clock, log, hear } = setup();
    gossip.start();
    hear('worker-heartbeat', 'slow@h', { freq: 20 });
    log.length = 0;
    // the process stood still for longer than that node may be silent
    const now = clock.now.bind(clock);
    clock.now = () => now() + 60;

    clock.advance(5);
    clock.advance(5);
    clock.advance(30);
    assert.deepEqual(log, []);

    clock.advance(5);
    assert.deepEqual(log, ['INFO missed heartbeat from slow@h']);
    gossip.stop();
  });

  test('misses nobody after its connection was away between two looks', () => {
    const { gossip, clock, log, link, hear } = setup();
    gossip.start();
    hear('worker-heartbeat', 'a@h');
    log.length = 0;
    link.losses += 1;

    clock.advance(5);
    assert.deepEqual(log, []);
    clock.advance(5);

    assert.deepEqual(log, ['INFO missed heartbeat from a@h']);
    gossip.stop();
  });

  test('does not count itself, and does not read its own events', () => {
    const { gossip, lamport, log, hear } = setup();

    hear('worker-online', OWN, { clock: 100 });
    gossip.hear(
      delivery(
        { type: 'worker-heartbeat', hostname: OWN },
        { message: { headers: { hostname: OWN } } as never },
      ),
    );

    assert.deepEqual(gossip.membership.nodes, []);
    assert.deepEqual(log, []);
    assert.equal(lamport.value, 2);
  });

  test('sets its logical clock by that of the others', () => {
    const { lamport, hear } = setup();
    hear('worker-heartbeat', 'a@h', { clock: 500 });
    assert.equal(lamport.value, 501);
    hear('worker-online', 'a@h', { clock: 5 });
    assert.equal(lamport.value, 502);
  });

  test('reads one heartbeat of each node in ten seconds, and counts them all', () => {
    const { gossip, clock, lamport, log, hear } = setup();
    gossip.start();
    for (let second = 0; second < 60; second += 2) {
      const before = lamport.value;
      hear('worker-heartbeat', 'a@h', { clock: 1000 * (second + 1) });
      assert.equal(lamport.value > before + 1, second % 10 === 0, `after ${second} s`);
      hear('worker-heartbeat', 'b@h');
      clock.advance(2);
    }

    assert.deepEqual(log, ['DEBUG a@h joined the party', 'DEBUG b@h joined the party']);
    assert.equal(gossip.membership.alive, 2);
    gossip.stop();
  });

  test('takes part in elections, also with its own offers', () => {
    const { gossip, sent, log, hear } = setup();
    gossip.elections.elect('e', 'task', null);
    hear('worker-elect', OWN, { id: 'e', topic: 'task', action: null, cver: 1 });
    hear('worker-elect-ack', OWN, { id: 'e' });

    assert.deepEqual(sent, ['worker-elect', 'worker-elect-ack']);
    assert.deepEqual(log, ["INFO node own@h.1 elected for 'e'"]);
  });

  test('leaves out what it cannot read, and says so once a minute', () => {
    const { gossip, clock, log } = setup();
    for (let n = 0; n < 100; n++) {
      gossip.hear(
        delivery({ type: 'worker-heartbeat', hostname: 'a@h' }, { problem: new DecodeError('no') }),
      );
    }
    assert.deepEqual(log, ['ERROR A message with events of workers could not be read: no']);
    clock.advance(61);
    gossip.hear(delivery({ type: 'worker-x', hostname: 'a@h', timestamp: null }));
    assert.match(log[1]!, /^ERROR 100 messages with events of workers could not be read: /);

    assert.equal(log.length, 2);
    assert.deepEqual(gossip.membership.nodes, []);
  });

  test('keeps five thousand nodes at most, and no endless names', () => {
    const { gossip, hear } = setup();
    for (let n = 0; n < 5100; n++) hear('worker-heartbeat', `n${n}@h`);
    hear('worker-heartbeat', 'x'.repeat(256));

    assert.equal(gossip.membership.nodes.length, 5000);
    assert.equal(gossip.membership.nodes.at(-1), 'n5099@h');
  });

  test('keeps control characters of strangers out of the log', () => {
    const { log, hear } = setup();
    hear('worker-online', 'evil\n\u001b[31m@h');
    hear('worker-offline', 'evil\n\u001b[31m@h');
    assert.deepEqual(log, [
      'DEBUG evil\\n\\x1b[31m@h joined the party',
      'DEBUG evil\\n\\x1b[31m@h left',
    ]);
  });
});
