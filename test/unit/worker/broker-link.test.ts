import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deferred } from '../../../src/base/deferred.ts';
import { ChannelError, OperationalError } from '../../../src/drivers/errors.ts';
import {
  type ConsumeOptions,
  TAKE_NOTHING,
  type Transport,
  type TransportEvent,
} from '../../../src/messaging/contract.ts';
import { queue } from '../../../src/messaging/entities.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { BrokerLink, type BrokerLinkOptions } from '../../../src/worker/broker-link.ts';
import { MadeDelivery, notedLog, turn } from './made-requests.ts';

const AWAY = new OperationalError('nobody answers');

/** A broker that is away for so many tries, and notes what is asked of it. */
function setup(options: Partial<BrokerLinkOptions> = {}, awayFor = 0) {
  const { logger, lines } = notedLog();
  const clock = new FakeClock(0);
  const asked: string[] = [];
  const heard: string[] = [];
  const broker = { awayFor, restored: 0, opening: Promise.resolve() };
  const note = (what: string) => async () => void asked.push(what);
  const subscription = {
    ...{ held: 3, setPrefetch: (count: number) => void asked.push(`prefetch ${count}`) },
    async addQueue() {
      await broker.opening;
      asked.push('another queue');
    },
    ...{ cancelQueue: note('one queue less'), cancel: note('cancel') },
    async close() {
      asked.push('close');
      return broker.restored;
    },
  };
  let consuming: ConsumeOptions | undefined;
  let listener: ((event: TransportEvent) => void) | undefined;
  const transport = {
    url: 'redis://there',
    async connect() {
      asked.push('connect');
      if (broker.awayFor-- > 0) throw AWAY;
    },
    onEvent(given: typeof listener) {
      listener = given;
      return () => {
        listener = undefined;
      };
    },
    async consume(_: unknown, given: ConsumeOptions) {
      asked.push(`consume ${given.prefetch}`);
      await broker.opening;
      consuming = given;
      return subscription;
    },
  } as unknown as Transport;
  const link = new BrokerLink({
    ...{ transport, logger, clock, queues: [queue('feeds')] },
    ...{ retryOnStartup: true, retry: true, maxRetries: 100 },
    onDeliveries: deliveries => void heard.push(`${deliveries.length} deliveries`),
    acksOnArrival: () => true,
    onLost: () => void heard.push('lost'),
    onGone: ({ message }) => void heard.push(`gone: ${message}`),
    ...options,
  });
  const tell = (event: TransportEvent) => listener?.(event);
  return { link, broker, clock, lines, asked, heard, tell, consuming: () => consuming! };
}

const LOST: TransportEvent = { type: 'lost', error: new Error('reset') };
const retrying = (attempt: number, delay = 2): TransportEvent => {
  return { type: 'retrying', error: AWAY, attempt, delay };
};

describe('the first connection to the broker', () => {
  test('is told', async () => {
    const { link, lines } = setup();

    await link.connect();

    assert.deepEqual(lines, ['info: Connected to redis://there']);
  });

  test('is tried again after two seconds, four, and so on', async () => {
    const { link, clock, lines, asked } = setup({}, 2);

    const connecting = link.connect();
    for (const seconds of [2, 4]) {
      await turn();
      clock.advance(seconds);
    }
    await connecting;

    assert.equal(asked.length, 3);
    assert.match(
      lines[0]!,
      /^error: consumer: Cannot connect .* 2\.00 seconds\.\.\. \(1\/100\)\n$/s,
    );
    assert.match(lines[1]!, /4\.00 seconds\.\.\. \(2\/100\)\n$/);
  });

  test('is tried for ever with the limit 0, until the worker stops', async () => {
    const { link, clock, lines } = setup({ maxRetries: 0 }, 1000);

    const connecting = link.connect();
    for (let n = 0; n < 200; n++) {
      await turn();
      clock.advance(32);
    }
    await turn();
    await link.stop();

    await assert.rejects(connecting, /the worker is stopping/);
    assert.match(lines.at(-1)!, /Trying again in 32\.00 seconds\.\.\. \(201\)\n$/);
  });

  test('is given up after the most tries', async () => {
    const { link, clock, asked } = setup({ maxRetries: 1 }, 5);

    const connecting = link.connect();
    await turn();
    clock.advance(2);

    await assert.rejects(connecting, AWAY);
    assert.equal(asked.length, 2);
  });

  test('is tried once when it is not to be tried again, and the log says why', async () => {
    const { link, lines, asked } = setup({ retryOnStartup: false }, 5);

    await assert.rejects(link.connect(), AWAY);

    assert.equal(asked.length, 1);
    assert.match(lines[0]!, /^critical: .*broker_connection_retry_on_startup=False/);
  });

  test('is not tried again when the broker refuses', async () => {
    const { link, asked } = setup();
    const refusal = new ChannelError('wrong password');

    const refused = link.insist(() => {
      asked.push('tried');
      return Promise.reject(refusal);
    });

    await assert.rejects(refused, refusal);
    assert.deepEqual(asked, ['tried']);
  });
});

describe('what follows the connection when a worker starts', () => {
  /** Work that fails so many times because the broker went away. */
  function failing(times: number) {
    let left = times;
    return async () => {
      if (left-- > 0) throw AWAY;
      return 'done';
    };
  }

  test('is done again when the broker goes away meanwhile', async () => {
    const { link, clock, lines } = setup();

    const done = link.insist(failing(1));
    await turn();
    clock.advance(2);

    assert.equal(await done, 'done');
    assert.match(lines[0]!, /Trying again in 2\.00 seconds\.\.\. \(1\/100\)/);
  });

  test('is done once when connections are not to be made again', async () => {
    const { link } = setup({ retry: false });

    await assert.rejects(link.insist(failing(1)), AWAY);
  });

  test('ends with the worker', async () => {
    const { link, clock } = setup();

    const done = link.insist(failing(9));
    await turn();
    await link.cancel();

    await assert.rejects(done, /the worker is stopping/);
    assert.equal(clock.pending, 0);
  });
});

describe('consuming', () => {
  test('takes nothing before somebody says how much', async () => {
    const { link, asked } = setup();

    await link.start();
    link.setPrefetch(8);
    link.setPrefetch(8);

    const nothing = [`consume ${TAKE_NOTHING}`, `prefetch ${TAKE_NOTHING}`];
    assert.deepEqual(asked, [...nothing, 'prefetch 8']);
  });

  test('begins with the count that was said before', async () => {
    const { link, asked } = setup();
    link.setPrefetch(8);

    await link.start();

    assert.deepEqual(asked, ['consume 8', 'prefetch 8']);
  });

  test('hands on what comes, and asks what may be acknowledged on arrival', async () => {
    const { link, heard, consuming } = setup();
    await link.start();

    consuming().onDeliveries([new MadeDelivery(), new MadeDelivery()]);

    assert.deepEqual(heard, ['2 deliveries']);
    assert.equal(consuming().acksOnArrival!(new MadeDelivery()), true);
    assert.equal(link.held, 3);
  });

  test('of another queue is for those who consume already', async () => {
    const { link, asked } = setup();
    await link.addQueue(queue('more'));
    assert.deepEqual(asked, []);

    await link.start();
    await link.addQueue(queue('more'));

    assert.equal(asked.at(-1), 'another queue');
  });

  test('ends with the worker, and the log says what went back', async () => {
    const { link, broker, lines, asked } = setup();
    broker.restored = 2;
    await link.start();

    await link.stop();
    await link.stop();

    assert.deepEqual(asked.slice(-2), ['cancel', 'close']);
    assert.deepEqual(lines, ['info: Restoring 2 unacknowledged message(s)']);
    assert.equal(link.held, 0);
  });

  test('that begins when the worker has stopped ends at once', async () => {
    const { link, broker, asked } = setup();
    const opening = deferred();
    broker.opening = opening.promise;

    const starting = link.start();
    await link.stop();
    opening.resolve();
    await starting;

    assert.ok(asked.includes('close'), asked.join());
  });
});

describe('a connection that is lost', () => {
  test('is told, and what runs hears of it', async () => {
    const { link, lines, heard, tell } = setup();
    await link.connect();

    tell(LOST);
    tell(retrying(1));
    tell({ type: 'connected' });
    tell({ type: 'consuming', queues: ['w1.celery.pidbox', 'feeds', 'celeryev.1'] });

    assert.deepEqual(heard, ['lost']);
    assert.deepEqual(
      lines.slice(1).map(line => line.split(/[\n.]/)[0]),
      [
        'warning: consumer: Connection to broker lost',
        'error: consumer: Cannot connect to redis://there: nobody answers',
        'info: Connected to redis://there',
        'info: consuming again: 1 queue',
      ],
    );
  });

  test('is told of queues that were added, and once', async () => {
    const { link, lines, tell } = setup();
    await link.connect();
    await link.start();
    await link.addQueue(queue('more'));
    const consuming = () => tell({ type: 'consuming', queues: ['feeds', 'pidbox', 'more'] });

    consuming();
    tell(LOST);
    consuming();
    consuming();

    assert.deepEqual(
      lines.filter(line => line.includes('consuming again')),
      ['info: consuming again: 2 queues'],
    );
  });

  test('ends the worker when it is not to be made again', async () => {
    const { link, lines, heard, tell } = setup({ retry: false });
    await link.connect();

    tell(LOST);

    assert.deepEqual(heard, ['lost', 'gone: reset']);
    assert.match(lines.at(-1)!, /^critical: .*broker_connection_retry=False/);
  });

  test('ends the worker after the most tries, and never without such a limit', async () => {
    for (const [maxRetries, ended] of [
      [2, true],
      [0, false],
      [null, false],
    ] as const) {
      const { link, heard, tell } = setup({ maxRetries });
      await link.connect();

      for (const attempt of [1, 2, 3]) tell(retrying(attempt));

      assert.deepEqual(heard, ended ? [`gone: ${AWAY.message}`] : []);
    }
  });

  test('ends the worker when nothing will heal it', async () => {
    const { link, heard, tell } = setup();
    await link.connect();

    tell({ type: 'gone', error: new Error('the file was deleted') });

    assert.deepEqual(heard, ['gone: the file was deleted']);
  });
});

describe('the state of the link', () => {
  test('is starting, consuming, lost, consuming again, and stopping', async () => {
    const { link, tell } = setup();
    const states = [link.state];
    const see = () => void states.push(link.state);
    await link.connect();
    see();
    await link.start();
    see();
    tell({ type: 'lost', error: AWAY });
    see();
    tell({ type: 'connected' });
    see();
    tell({ type: 'consuming', queues: ['feeds'] });
    see();
    await link.cancel();
    see();
    tell({ type: 'consuming', queues: ['feeds'] });
    see();

    assert.deepEqual(states, [
      ...['starting', 'starting', 'consuming', 'lost', 'lost', 'consuming'],
      ...['stopping', 'stopping'],
    ]);
    assert.equal(link.losses, 1);
  });

  test('is starting until it consumes, also when the connection is lost before', async () => {
    const { link, tell } = setup();
    await link.connect();
    tell({ type: 'lost', error: AWAY });

    assert.equal(link.state, 'starting');
    assert.equal(link.losses, 1);
  });
});

describe('events of the broker', () => {
  test('before the first connection tell of warnings and of the next server only', () => {
    const { link, lines, tell } = setup({}, 1);
    void link.connect().catch(() => {});

    tell(LOST);
    tell(retrying(1));
    tell(retrying(1, 0));
    tell({ type: 'warning', message: 'a misspelt option' });

    assert.match(lines[0]!, /Will retry using next failover\.\n$/);
    assert.deepEqual(lines.slice(1), ['warning: a misspelt option']);
  });

  test('tell of messages of a consumer that is gone', async () => {
    const { link, lines, tell } = setup();
    await link.connect();

    tell({ type: 'restored', count: 4, consumer: 'other' });

    assert.equal(lines.at(-1), 'warning: Restored 4 message(s) of a consumer that is gone (other)');
  });

  test('are not heard any more when the worker has stopped', async () => {
    const { link, lines, heard, tell } = setup();
    await link.connect();
    await link.stop();

    tell(LOST);

    assert.deepEqual([heard, lines.length], [[], 1]);
  });
});

describe('the queues of a worker', () => {
  test('are those of the last word, although to begin takes longer than to end', async () => {
    const { link, broker, asked } = setup();
    await link.start();
    const opened = deferred();
    broker.opening = opened.promise;
    asked.length = 0;

    const changes = [link.addQueue(queue('more')), link.cancelQueue('more')];
    await turn();
    opened.resolve();
    await Promise.all(changes);

    assert.deepEqual(asked, ['another queue', 'one queue less']);
    assert.deepEqual(
      link.queues.map(({ name }) => name),
      ['feeds'],
    );
  });

  test('can be changed after a change that failed', async () => {
    const { link, broker, asked } = setup();
    await link.start();
    broker.opening = Promise.reject(AWAY);

    const failing = link.addQueue(queue('more'));
    const cancelling = link.cancelQueue('feeds');
    await assert.rejects(failing, AWAY);
    await cancelling;

    assert.equal(asked.at(-1), 'one queue less');
    assert.deepEqual(link.queues, []);
  });
});
