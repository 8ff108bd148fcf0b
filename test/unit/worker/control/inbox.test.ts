import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LamportClock } from '../../../../src/base/time/lamport.ts';
import { ChannelError, OperationalError } from '../../../../src/drivers/errors.ts';
import type {
  ConsumeOptions,
  Destination,
  Transport,
  TransportEvent,
} from '../../../../src/messaging/contract.ts';
import type { Queue } from '../../../../src/messaging/entities.ts';
import { DecodeError } from '../../../../src/wire/errors.ts';
import {
  buildControlRequest,
  type ControlRequest,
  readControlReply,
} from '../../../../src/wire/messages/control.ts';
import type { Message } from '../../../../src/wire/messages/message.ts';
import { Pidbox } from '../../../../src/worker/control/inbox.ts';
import { type Made, MadeDelivery, notedLog, turn } from '../made-requests.ts';

const JSON_TYPE = new Set(['application/json']);

/** A broker that keeps what is published, and refuses to be consumed while `refusal` is set. */
class NotingBroker {
  refusal: Error | undefined;
  readonly opened: Queue[] = [];
  readonly replies: unknown[] = [];
  closed = 0;
  #options: ConsumeOptions | undefined;
  #listener: ((event: TransportEvent) => void) | undefined;

  async consume([inbox]: Queue[], options: ConsumeOptions) {
    if (this.refusal) throw this.refusal;
    this.opened.push(inbox!);
    this.#options = options;
    return { close: async () => void this.#closeOne() };
  }

  onEvent(listener: (event: TransportEvent) => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = undefined;
    };
  }

  async publish(message: Message, { exchange, routingKey }: Destination): Promise<void> {
    const { ticket, replies } = readControlReply(message, JSON_TYPE);
    this.replies.push([`${exchange.name}/${routingKey}`, ticket, ...replies]);
  }

  /** A request comes, and is answered. */
  async brings(made: Made): Promise<void> {
    this.#options!.onDeliveries([new MadeDelivery(made)]);
    await turn();
  }

  async reconnects(): Promise<void> {
    this.#listener?.({ type: 'connected' });
    await turn();
  }

  #closeOne(): void {
    this.closed += 1;
  }
}

type Command = (args: Readonly<Record<string, unknown>>) => unknown;

function setup(commands: Record<string, Command> = {}) {
  const broker = new NotingBroker();
  const { logger, lines } = notedLog();
  const inbox = new Pidbox({
    transport: broker as unknown as Transport,
    entities: {
      ...{ namespace: 'celery', ttl: 300, expires: 10 },
      ...{ exclusive: true, durable: false },
    },
    ...{ hostname: 'w@h', serializer: 'json', accept: JSON_TYPE },
    ...{ logger, lamport: new LamportClock() },
    run: async (name, args) => commands[name]!(args),
  });
  const ask = (request: Partial<ControlRequest>) => broker.brings({ message: requestFor(request) });
  return { inbox, broker, lines, ask };
}

function requestFor(request: Partial<ControlRequest>): Message {
  const replyTo = { exchange: 'reply.celery.pidbox', routingKey: 'caller' };
  const any = { arguments: {}, destination: null, pattern: null, matcher: null, ticket: 't' };
  const options = { expires: 0, serializer: 'json', clock: 1 };
  return buildControlRequest({ method: 'ping', ...any, replyTo, ...request }, options);
}

const ADDRESS = 'reply.celery.pidbox/caller';

describe('the inbox of a worker', () => {
  test('is a queue of its own that nothing outlives', async () => {
    const { inbox, broker } = setup();

    await inbox.start();

    const { name, exchange, noAck, exclusive, autoDelete, messageTtl, expires } = broker.opened[0]!;
    assert.deepEqual([name, exchange.name], ['w@h.celery.pidbox', 'celery.pidbox']);
    assert.deepEqual(
      [noAck, exclusive, autoDelete, messageTtl, expires],
      [true, true, true, 300, 10],
    );
  });

  test('answers a request with what its command gives', async () => {
    const { inbox, broker, ask } = setup({ double: async ({ n }) => 2 * (n as number) });
    await inbox.start();

    await ask({ method: 'double', arguments: { n: 21 }, ticket: 'abc' });

    assert.deepEqual(broker.replies, [[ADDRESS, 'abc', { node: 'w@h', value: 42 }]]);
  });

  test('runs a command that nobody wants an answer to, and sends none', async () => {
    const seen: unknown[] = [];
    const { inbox, broker, ask } = setup({ note: args => void seen.push(args) });
    await inbox.start();

    await ask({ method: 'note', arguments: { a: 1 }, replyTo: undefined });
    await ask({ method: 'note', arguments: { a: 2 } });

    assert.deepEqual([seen, broker.replies], [[{ a: 1 }, { a: 2 }], []]);
  });

  test('leaves alone what is for others', async () => {
    const { inbox, broker, ask } = setup({ ping: () => 'pong' });
    await inbox.start();

    await ask({ destination: ['other@h'] });
    await ask({ pattern: 'x*', matcher: 'glob' });
    assert.deepEqual(broker.replies, []);
    await ask({ destination: ['other@h', 'w@h'] });

    assert.equal(broker.replies.length, 1);
  });

  test('tells what cannot be read, and goes on', async () => {
    const { inbox, broker, lines, ask } = setup({ ping: () => 'pong' });
    await inbox.start();

    await broker.brings({ problem: new DecodeError('no envelope') });
    await broker.brings({ message: { ...requestFor({}), contentType: 'application/x-python' } });
    await ask({});

    assert.match(lines[0]!, /^error: Control command error: DecodeError\('no envelope'\)$/);
    assert.match(lines[1]!, /^error: Control command error: ContentDisallowed\(/);
    assert.equal(broker.replies.length, 1);
  });

  test('is closed once with its worker', async () => {
    const { inbox, broker } = setup();
    await inbox.start();

    await inbox.stop();
    await inbox.stop();

    assert.equal(broker.closed, 1);
  });
});

describe('an inbox that the broker refuses', () => {
  test('keeps no worker from its work', async () => {
    const { inbox, broker, lines } = setup();
    broker.refusal = new ChannelError('access refused');

    await inbox.start();

    assert.deepEqual(lines, ['warning: Remote control is off: access refused']);
  });

  test('is tried again on every new connection, and told when it is new', async () => {
    const { inbox, broker, lines } = setup();
    broker.refusal = new ChannelError('access refused');
    await inbox.start();

    await broker.reconnects();
    broker.refusal = undefined;
    await broker.reconnects();
    await broker.reconnects();

    assert.equal(broker.opened.length, 1);
    assert.deepEqual(lines, [
      'warning: Remote control is off: access refused',
      'info: Remote control is on.',
    ]);
  });

  test('is not tried again when the worker has stopped', async () => {
    const { inbox, broker } = setup();
    broker.refusal = new ChannelError('access refused');
    await inbox.start();
    await inbox.stop();

    broker.refusal = undefined;
    await broker.reconnects();

    assert.deepEqual(broker.opened, []);
  });

  test('is another thing than a broker that went away', async () => {
    const { inbox, broker, lines } = setup();
    broker.refusal = new OperationalError('connection lost');

    await assert.rejects(inbox.start(), /connection lost/);

    assert.deepEqual(lines, []);
  });
});
