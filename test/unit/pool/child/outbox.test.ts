import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serialize } from 'node:v8';
import { LoopJob } from '../../../../src/pool/child/job-loop.ts';
import { Outbox } from '../../../../src/pool/child/outbox.ts';
import { Parcel } from '../../../../src/pool/child/parcel.ts';
import type { Batch, FromChild } from '../../../../src/pool/messages.ts';
import { turn } from '../parent/made-children.ts';

const job = (ticket: number) => new LoopJob(ticket, undefined, false);

function setup() {
  const batches: FromChild[][] = [];
  const outbox = new Outbox((batch: Batch<FromChild>, sent) => {
    serialize(batch);
    batches.push(batch.slice(1) as FromChild[]);
    sent();
  });
  return { outbox, batches };
}

/** What a turn tells, without the lists that are empty. */
function news(message: FromChild | undefined): Record<string, unknown> {
  const entries = Object.entries(message ?? {});
  return Object.fromEntries(
    entries.filter(([, value]) => !Array.isArray(value) || value.length > 0),
  );
}

describe('what a child tells', () => {
  it('goes out once a turn, all of it together', async () => {
    const { outbox, batches } = setup();

    outbox.started(job(1));
    outbox.released(job(2));
    outbox.done(job(3), 'three');
    outbox.dropped(4);
    outbox.add({ type: 'pong', report: undefined });
    assert.deepEqual(batches, []);
    await turn();

    assert.equal(batches.length, 1);
    assert.deepEqual(news(batches[0]![0]), {
      type: 'turn',
      started: [1],
      released: [2],
      done: [3],
      replies: ['three'],
      dropped: [4],
    });
    assert.deepEqual(batches[0]![1], { type: 'pong', report: undefined });
  });

  it('is said once', async () => {
    const { outbox, batches } = setup();
    outbox.done(job(1), 'one');
    await turn();
    outbox.done(job(2), 'two');
    await turn();

    assert.deepEqual(
      batches.map(([first]) => news(first).done),
      [[1], [2]],
    );
  });

  it('does not have the start of what has ended meanwhile', async () => {
    const { outbox, batches } = setup();
    const [short, long] = [job(1), job(2)];
    outbox.started(short);
    outbox.started(long);
    short.state = 'ended';
    outbox.done(short, 'ok');
    await turn();

    assert.deepEqual(news(batches[0]![0]), {
      type: 'turn',
      started: [2],
      done: [1],
      replies: ['ok'],
    });
  });

  it('goes out at once when it has to, and not again in its turn', async () => {
    const { outbox, batches } = setup();
    outbox.done(job(1), 'ok');

    outbox.flush();
    await turn();

    assert.equal(batches.length, 1);
  });

  it('is nothing when there is no news, but whoever waits for it hears of it', () => {
    const { outbox, batches } = setup();
    let isSent = false;

    outbox.flush();
    assert.deepEqual(batches, []);
    outbox.flush(() => {
      isSent = true;
    });

    assert.equal(isSent, true);
  });

  it('goes out before a job that may be the last one', () => {
    const { outbox, batches } = setup();
    outbox.done(job(1), 'ok');

    outbox.beforeStart(false);
    assert.equal(batches.length, 0);
    outbox.beforeStart(true);

    assert.equal(batches.length, 1);
  });

  it('goes out before each job for a while, once one has blocked the process', async () => {
    const { outbox, batches } = setup();
    outbox.done(job(1), 'ok');
    const until = performance.now() + 60;
    while (performance.now() < until);
    await turn();
    assert.equal(batches.length, 1);

    outbox.done(job(2), 'ok');
    outbox.beforeStart(false);

    assert.equal(batches.length, 2);
  });

  it('leaves out a reply that cannot be sent, and says why', async () => {
    const { outbox, batches } = setup();
    outbox.started(job(9));
    outbox.done(job(1), 'one');
    outbox.done(job(2), () => 'two');
    outbox.done(job(3), 'three');
    outbox.add({ type: 'waits', ticket: 9, what: 'x' });
    await turn();

    assert.equal(batches.length, 1);
    const [threw, told, waits] = batches[0]!;
    assert.ok(threw?.type === 'threw' && threw.ticket === 2);
    assert.match(threw.error, /^its reply cannot be sent: .*could not be cloned/);
    assert.deepEqual(news(told), {
      type: 'turn',
      started: [9],
      done: [1, 3],
      replies: ['one', 'three'],
    });
    assert.equal(waits?.type, 'waits');
  });
});

describe('a parcel', () => {
  const payload = { text: 'x'.repeat(1000), list: [1, 2, 3] };
  const bytes = serialize(payload);
  const part = (at: number, end: number) =>
    ({ type: 'part', at, of: bytes.length, bytes: bytes.subarray(at, end) }) as const;

  it('of one part is what was sent', () => {
    const parcel = new Parcel(bytes.length);
    parcel.add(part(0, bytes.length));
    assert.equal(parcel.isComplete, true);
    assert.deepEqual(parcel.open(), payload);
  });

  it('of many parts is what was sent', () => {
    const parcel = new Parcel(bytes.length);
    for (let at = 0; at < bytes.length; at += 100) {
      assert.equal(parcel.isComplete, false);
      parcel.add(part(at, Math.min(at + 100, bytes.length)));
    }
    assert.equal(parcel.isComplete, true);
    assert.deepEqual(parcel.open(), payload);
  });

  it('is never complete when a part of it was lost; one that comes twice does no harm', () => {
    const lacking = new Parcel(bytes.length);
    lacking.add(part(0, 100));
    lacking.add(part(200, bytes.length));
    assert.equal(lacking.isComplete, false);

    const doubled = new Parcel(bytes.length);
    doubled.add(part(0, 100));
    doubled.add(part(0, 100));
    doubled.add(part(100, bytes.length));
    assert.equal(doubled.isComplete, true);
    assert.deepEqual(doubled.open(), payload);
  });

  it('is opened once, and nothing of it is kept', () => {
    const parcel = new Parcel(bytes.length);
    parcel.add(part(0, bytes.length));
    parcel.open();
    assert.throws(() => parcel.open());
  });
});
