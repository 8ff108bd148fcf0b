/** A channel as amqplib has it, that notes what it is asked and is answered by the test. */
import { EventEmitter } from 'node:events';
import { parseUrl } from '../../../../src/drivers/url.ts';
import type { Admin } from '../../../../src/messaging/amqp/admin.ts';
import type {
  AmqpChannel,
  AmqpConfirmChannel,
  AmqpMessage,
} from '../../../../src/messaging/amqp/driver.ts';
import type { Urls } from '../../../../src/messaging/amqp/options.ts';
import type { Message } from '../../../../src/wire/messages/message.ts';
import { buildTaskMessage, type TaskCall } from '../../../../src/wire/messages/task-message.ts';

export const URLS: Urls = [parseUrl('amqp://me:secret@broker/vhost')];

type Done = (error: Error | null, value?: unknown) => void;

/** What amqplib makes of a refusal. */
export const replyError = (code: number, text: string): Error =>
  Object.assign(new Error(`Channel closed by server: ${code} (X) with message "${text}"`), {
    code,
  });

/** One question to the broker: its name, what it says, and how it is answered. */
export interface Asked {
  readonly name: string;
  readonly args: readonly unknown[];
  answer(error: Error | null, value?: unknown): void;
}

export class MadeChannel extends EventEmitter {
  readonly asked: Asked[] = [];
  readonly connection: { frameMax: number };
  /** What questions are answered with at once; undefined leaves them to the test. */
  answers: ((name: string, args: readonly unknown[]) => unknown) | undefined;
  isClosed = false;
  /** Thrown by what is asked next, as amqplib does of what it cannot write. */
  throws: Error | undefined;

  constructor(frameMax = 131_072) {
    super();
    this.connection = { frameMax };
    for (const name of QUESTIONS) {
      Object.assign(this, { [name]: (...args: unknown[]) => this.#ask(name, args) });
    }
  }

  /** Names of what was asked, in order. */
  get names(): string[] {
    return this.asked.map(({ name }) => name);
  }

  close(done?: () => void): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.asked.push({ name: 'close', args: [], answer: () => {} });
    queueMicrotask(() => {
      this.emit('close');
      done?.();
    });
  }

  /** The broker ends the channel. */
  end(error?: Error): void {
    this.isClosed = true;
    if (error) this.emit('error', error);
    this.emit('close');
  }

  get port(): AmqpConfirmChannel {
    return this as unknown as AmqpConfirmChannel;
  }

  #ask(name: string, args: readonly unknown[]): void {
    if (this.throws) throw this.throws;
    const last = args.at(-1);
    const done: Done = typeof last === 'function' ? (last as Done) : () => {};
    const said = typeof last === 'function' ? args.slice(0, -1) : args;
    this.asked.push({ name, args: said, answer: done });
    const value = this.answers?.(name, said);
    if (value instanceof Error) done(value);
    else if (value !== undefined) done(null, value);
  }
}

const QUESTIONS = [
  ...['ack', 'reject', 'nackAll', 'prefetch', 'consume', 'cancel', 'get', 'publish'],
  ...['assertQueue', 'checkQueue', 'deleteQueue', 'bindQueue', 'bindExchange'],
  ...['assertExchange', 'checkExchange', 'deleteExchange', 'waitForConfirms'],
];

/**
 * Administration over a channel that notes and says yes, or what `answers` says; what is asked
 * is in `notes`, as one line each.
 */
export function madeAdmin(
  answers: (name: string, args: readonly unknown[]) => unknown = () => ({}),
) {
  const channel = new MadeChannel();
  channel.answers = answers;
  const notes = () => channel.asked.map(({ name, args }) => [name, ...args.map(shown)].join(' '));
  const doings: string[] = [];
  const run = <T>(
    doing: string,
    ask: (channel: AmqpChannel, answer: (error: Error | null, value: T) => void) => void,
  ): Promise<T> => {
    doings.push(doing);
    return new Promise((resolve, reject) =>
      ask(channel.port, (error, value) => (error ? reject(error) : resolve(value))),
    );
  };
  return { channel, notes, doings, admin: { run } as unknown as Admin };
}

const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** A call of `t.add` with the id `1`. */
export const messageFor = (call: Partial<TaskCall> = {}): Message =>
  buildTaskMessage({ task: 't.add', id: '1', args: [], kwargs: {}, ...call });

/** As amqplib hands it over. */
export function delivered(
  made: {
    fields?: Partial<AmqpMessage['fields']>;
    properties?: Record<string, unknown>;
    content?: Buffer;
  } = {},
): AmqpMessage {
  const fields = {
    ...{ deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'celery', consumerTag: 'c' },
    ...made.fields,
  };
  const properties = { headers: {}, ...made.properties };
  return { fields, properties, content: made.content ?? Buffer.from('{}') } as AmqpMessage;
}
