import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { OperationalError } from '../../../../src/drivers/errors.ts';
import { Link, type LinkOptions } from '../../../../src/messaging/redis/link.ts';
import { MadeClient, turn } from './made-client.ts';

function setup(options: Partial<LinkOptions> = {}) {
  const clients: MadeClient[] = [];
  const notes: string[] = [];
  const state = { isNeeded: false };
  const link = new Link({
    makeClient: () => {
      clients.push(new MadeClient());
      return clients.at(-1)!.port;
    },
    connectTimeout: 5,
    toError: (error, doing) => new OperationalError(`${doing}: ${(error as Error).message}`),
    needed: () => state.isNeeded,
    onServerFailed: (error, isLast) =>
      notes.push(`server failed${isLast ? ', the last' : ''}: ${error.message}`),
    onUp: () => notes.push('up'),
    onDown: ({ message }) => notes.push(`down: ${message}`),
    onRetry: (_, delay, attempt) => notes.push(`attempt ${attempt} failed, next in ${delay}`),
    ...options,
  });
  const connected = async () => {
    const connecting = link.connect();
    clients.at(-1)!.connecting.resolve();
    await connecting;
    return clients.at(-1)!;
  };
  return { link, clients, notes, state, connected };
}

/** Node's timers stand still; time passes in small steps, so that what follows from a timer happens. */
function stillTimers(t: { after(fn: () => void): void }) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  return async (seconds: number) => {
    mock.timers.tick(seconds * 1000);
    await turn();
  };
}

describe('a connection to Redis', () => {
  test('is dialled once, whoever asks', async () => {
    const { link, clients, notes } = setup();
    const asked = Promise.all([link.connect(), link.connect()]);
    clients[0]!.connecting.resolve();

    const [one, other] = await asked;

    assert.equal(one, other);
    assert.equal(await link.connect(), one);
    assert.deepEqual([clients.length, notes, link.client], [1, ['up'], one]);
  });

  test('is given up when the server does not answer, and tells so', async t => {
    const pass = stillTimers(t);
    const { link, clients } = setup();
    const asked = link.connect();
    asked.catch(() => {});

    await pass(5);

    await assert.rejects(asked, {
      name: 'OperationalError',
      message: 'connecting to Redis: no answer within 5 s',
    });
    assert.equal(clients[0]!.status, 'end');
  });

  test('tells what the socket said rather than what the driver makes of it', async () => {
    const { link, clients } = setup();
    const asked = link.connect();
    asked.catch(() => {});

    clients[0]!.emit('error', new Error('connect ECONNREFUSED'));
    clients[0]!.connecting.reject(new Error('Connection is closed.'));

    await assert.rejects(asked, { message: 'connecting to Redis: connect ECONNREFUSED' });
  });

  test('is tried with every server before it fails, one after the other', async () => {
    const { link, clients, notes } = setup({ servers: 3 });
    const asked = link.connect();
    asked.catch(() => {});

    for (const n of [0, 1, 2]) {
      clients[n]!.connecting.reject(new Error(`no ${n}`));
      await turn();
    }

    await assert.rejects(asked, { message: 'connecting to Redis: no 2' });
    assert.deepEqual(notes, [
      'server failed: connecting to Redis: no 0',
      'server failed: connecting to Redis: no 1',
      'server failed, the last: connecting to Redis: no 2',
    ]);
  });

  test('can be made after it failed', async () => {
    const { link, clients, connected } = setup();
    const asked = link.connect();
    clients[0]!.connecting.reject(new Error('no'));
    await assert.rejects(asked);

    const client = await connected();

    assert.equal(link.client, client.port);
  });
});

describe('a connection to Redis that is lost', () => {
  test('is not made anew when nobody needs it', async () => {
    const { link, clients, notes, connected } = setup();
    const client = await connected();

    client.end(new Error('ECONNRESET'));
    await turn();

    assert.deepEqual([link.client, clients.length], [undefined, 1]);
    assert.deepEqual(notes, ['up', 'down: talking to Redis: ECONNRESET']);
  });

  test('tells why it was dropped, not what followed from that', async () => {
    const { link, notes, connected } = setup();
    await connected();

    link.drop(new Error('the server is a replica now'));
    link.drop(new Error('again'));
    await turn();

    assert.equal(notes[1], 'down: talking to Redis: the server is a replica now');
  });

  test('tells that the server closed it when nobody says why', async () => {
    const { notes, connected } = setup();
    (await connected()).end();
    await turn();

    assert.equal(notes[1], 'down: talking to Redis: the server closed the connection');
  });

  test('is made anew while it is needed, with longer and longer pauses up to five seconds', async t => {
    const pass = stillTimers(t);
    const { link, clients, notes, state, connected } = setup();
    await connected();
    state.isNeeded = true;
    notes.length = 0;

    clients[0]!.end();
    await turn();
    for (const delay of [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]) {
      clients.at(-1)!.connecting.reject(new Error('no'));
      await turn();
      assert.match(notes.at(-1)!, new RegExp(`next in ${delay}$`));
      await pass(delay);
    }
    clients.at(-1)!.connecting.resolve();
    await turn();

    assert.deepEqual([clients.length, notes.at(-1)], [10, 'up']);
    assert.equal(link.client, clients.at(-1)!.port);
  });

  test('is not tried any more when nobody needs it meanwhile', async t => {
    const pass = stillTimers(t);
    const { clients, state, connected } = setup();
    await connected();
    state.isNeeded = true;
    clients[0]!.end();
    await turn();
    clients[1]!.connecting.reject(new Error('no'));
    await turn();

    state.isNeeded = false;
    await pass(60);

    assert.equal(clients.length, 2);
  });

  test('waits before the next one when it ends at once again and again', async t => {
    const pass = stillTimers(t);
    const { clients, state, connected } = setup();
    await connected();
    state.isNeeded = true;
    clients[0]!.end();
    await turn();
    clients[1]!.connecting.resolve();
    await turn();

    clients[1]!.end();
    await turn();
    assert.equal(clients.length, 2);
    await pass(0.1);

    assert.equal(clients.length, 3);
  });

  test('is healed once at a time', async () => {
    const { link, clients, state } = setup();
    state.isNeeded = true;

    link.heal();
    link.heal();
    await turn();

    assert.equal(clients.length, 1);
    clients[0]!.connecting.resolve();
    await link.close();
  });
});

describe('a connection to Redis that is closed', () => {
  test('is closed while it is made, and takes no other', async () => {
    const { link, clients, notes } = setup();
    const asked = link.connect();
    asked.catch(() => {});

    const closed = link.close();
    clients[0]!.connecting.resolve();

    await assert.rejects(asked, { name: 'ConnectionClosed' });
    await closed;
    assert.deepEqual([clients[0]!.status, notes.includes('up')], ['end', false]);
    await assert.rejects(link.connect(), { name: 'ConnectionClosed' });
    link.heal();
    assert.equal(clients.length, 1);
  });

  test('does not wait for a server that says nothing', async () => {
    const { link, clients } = setup();
    const asked = link.connect();
    asked.catch(() => {});

    await link.close();

    await assert.rejects(asked, { name: 'ConnectionClosed' });
    assert.equal(clients[0]!.status, 'end');
  });

  test('tries no further servers', async () => {
    const { link, clients } = setup({ servers: 3 });
    const asked = link.connect();
    asked.catch(() => {});

    const closed = link.close();
    clients[0]!.connecting.reject(new Error('no'));
    await closed;

    await assert.rejects(asked);
    assert.equal(clients.length, 1);
  });

  test('ends a pause between two attempts at once', async t => {
    stillTimers(t);
    const { link, clients, state } = setup();
    state.isNeeded = true;
    link.heal();
    clients[0]!.connecting.reject(new Error('no'));
    await turn();

    await link.close();
    await turn();

    assert.equal(clients.length, 1);
  });

  test('was up, is not down: closing is no loss', async () => {
    const { link, notes, connected } = setup();
    await connected();

    await link.close();
    await link.close();

    assert.deepEqual(notes, ['up']);
  });
});
