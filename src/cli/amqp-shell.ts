/** The commands of `tscelery amqp`: their words, and what they do to the broker. */
import type { Celery } from '../app/app.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { saferepr } from '../base/text/saferepr.ts';
import { ChannelError } from '../drivers/errors.ts';
import type { BrokerAdmin, Delivery, Transport } from '../messaging/contract.ts';
import {
  DEFAULT_EXCHANGE,
  type Exchange,
  type ExchangeType,
  exchange,
  queue,
} from '../messaging/entities.ts';
import { VirtualAdmin } from '../messaging/virtual/admin.ts';
import { bodyBytes, type Message } from '../wire/messages/message.ts';
import { UsageError } from './parsing/command-error.ts';
import { choice, flag } from './parsing/value-type.ts';

interface Parameter {
  readonly name: string;
  /** A word, one of the exchange types, or a boolean; those are false unless given. */
  readonly kind: 'word' | 'type' | 'bool';
  readonly optional: boolean;
}

type Values = Readonly<Record<string, string | boolean>>;

interface ShellCommand {
  readonly parameters: readonly Parameter[];
  readonly help: string;
  run(shell: AmqpShell, values: Values): Promise<string | undefined>;
}

const word = (name: string): Parameter => ({ name, kind: 'word', optional: false });
const type = (name: string): Parameter => ({ name, kind: 'type', optional: false });
const bool = (name: string): Parameter => ({ name, kind: 'bool', optional: true });

export const SHELL_COMMANDS: Readonly<Record<string, ShellCommand>> = {
  'exchange.declare': {
    parameters: [
      word('EXCHANGE'),
      type('TYPE'),
      bool('PASSIVE'),
      bool('DURABLE'),
      bool('AUTO_DELETE'),
    ],
    help: 'Create an exchange; with PASSIVE look whether it is there.',
    run: (shell, values) => shell.declareExchange(values),
  },
  'exchange.delete': {
    parameters: [word('EXCHANGE'), bool('IF_UNUSED')],
    help: 'Delete an exchange.',
    run: (shell, { EXCHANGE, IF_UNUSED }) =>
      shell.admin.deleteExchange(String(EXCHANGE), Boolean(IF_UNUSED)).then(() => undefined),
  },
  'queue.declare': {
    parameters: [word('QUEUE'), bool('PASSIVE'), bool('DURABLE'), bool('AUTO_DELETE')],
    help: 'Create a queue, or look whether it is there, and count what is in it.',
    run: (shell, values) => shell.declareQueue(values),
  },
  'queue.bind': {
    parameters: [word('QUEUE'), word('EXCHANGE'), word('ROUTING_KEY')],
    help: 'Have a queue get what is sent to an exchange with this key.',
    run: (shell, { QUEUE, EXCHANGE, ROUTING_KEY }) =>
      shell.admin
        .bindQueue(String(QUEUE), shell.exchange(String(EXCHANGE)), String(ROUTING_KEY))
        .then(() => undefined),
  },
  'queue.delete': {
    parameters: [word('QUEUE'), bool('IF_UNUSED'), bool('IF_EMPTY')],
    help: 'Delete a queue with its messages.',
    run: async (shell, { QUEUE, IF_UNUSED, IF_EMPTY }) => {
      const options = { ifUnused: Boolean(IF_UNUSED), ifEmpty: Boolean(IF_EMPTY) };
      return `${await shell.admin.deleteQueue(String(QUEUE), options)} messages deleted.`;
    },
  },
  'queue.purge': {
    parameters: [word('QUEUE')],
    help: 'Delete the messages of a queue.',
    run: async (shell, { QUEUE }) =>
      `${await shell.transport.purge(String(QUEUE))} messages deleted.`,
  },
  'basic.publish': {
    parameters: [
      word('MSG'),
      word('EXCHANGE'),
      word('ROUTING_KEY'),
      bool('MANDATORY'),
      bool('IMMEDIATE'),
    ],
    help: 'Send a text; the exchange "" with the name of a queue sends to that queue.',
    run: (shell, values) => shell.publish(values),
  },
  'basic.get': {
    parameters: [word('QUEUE'), bool('NO_ACK')],
    help: 'Take a message; without NO_ACK it goes back at the end unless it is acknowledged.',
    run: (shell, { QUEUE, NO_ACK }) => shell.get(String(QUEUE), Boolean(NO_ACK)),
  },
  'basic.ack': {
    parameters: [word('DELIVERY_TAG')],
    help: 'Acknowledge a message that basic.get showed.',
    run: (shell, { DELIVERY_TAG }) => shell.ack(String(DELIVERY_TAG)),
  },
};

export function signature(name: string): string {
  const { parameters } = SHELL_COMMANDS[name]!;
  const words = parameters.map(parameter =>
    parameter.optional ? `[${parameter.name}]` : parameter.name,
  );
  return [name, ...words].join(' ');
}

export interface ShellCall {
  readonly name: string;
  readonly values: Values;
}

/** @throws UsageError */
export function readCall([name = '', ...words]: readonly string[]): ShellCall {
  const command = Object.hasOwn(SHELL_COMMANDS, name) ? SHELL_COMMANDS[name] : undefined;
  if (!command) {
    const known = Object.keys(SHELL_COMMANDS);
    throw usage(`No such command '${name}'.${didYouMean(name, known)} Known: ${known.join(', ')}.`);
  }
  const { parameters } = command;
  const missing = parameters.slice(words.length).find(({ optional }) => !optional);
  if (missing) throw usage(`Missing argument '${missing.name}'.`, name);
  if (words.length > parameters.length) {
    const extra = words.slice(parameters.length).join(' ');
    throw usage(`Got unexpected extra arguments (${extra})`, name);
  }
  const values = parameters.map(
    (parameter, at) => [parameter.name, read(parameter, words[at], name)] as const,
  );
  return { name, values: Object.fromEntries(values) };
}

function read(parameter: Parameter, given: string | undefined, name: string): string | boolean {
  if (given === undefined) return false;
  try {
    if (parameter.kind === 'bool') return flag.parse(given);
    if (parameter.kind === 'type') return EXCHANGE_TYPE.parse(given);
    return given;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw usage(`Invalid value for '${parameter.name}': ${error.message}`, name);
  }
}

const EXCHANGE_TYPE = choice('direct', 'topic', 'fanout', 'headers');

function usage(message: string, name?: string): UsageError {
  return new UsageError(message, {
    command: 'amqp',
    ...(name !== undefined && { explanation: `tscelery amqp ${signature(name)}` }),
  });
}

export class AmqpShell {
  readonly transport: Transport;
  admin: BrokerAdmin;
  readonly #app: Celery;
  /** Those declared here, whose types the broker may not know. */
  readonly #exchanges = new Map<string, Exchange>();
  readonly #taken = new Map<string, Delivery>();
  #tags = 0;

  constructor(app: Celery, transport: Transport) {
    this.#app = app;
    this.transport = transport;
    this.admin = this.#newAdmin();
  }

  /** Forget what was taken: it is back in its queue. */
  async reset(): Promise<void> {
    await this.admin.close();
    this.#taken.clear();
    this.#tags = 0;
    this.admin = this.#newAdmin();
  }

  #newAdmin(): BrokerAdmin {
    return this.transport.admin?.() ?? new VirtualAdmin(this.transport);
  }

  exchange(name: string): Exchange {
    if (name === '') return DEFAULT_EXCHANGE;
    const { queues } = this.#app;
    const ofApp = queues.names.map(each => queues.get(each).exchange);
    return this.#exchanges.get(name) ?? ofApp.find(each => each.name === name) ?? exchange(name);
  }

  async declareExchange({ EXCHANGE, TYPE, PASSIVE, DURABLE, AUTO_DELETE }: Values) {
    const options = { durable: Boolean(DURABLE), autoDelete: Boolean(AUTO_DELETE) };
    const declared = exchange(String(EXCHANGE), TYPE as ExchangeType, options);
    await this.admin.declareExchange(declared, Boolean(PASSIVE));
    this.#exchanges.set(declared.name, declared);
    return undefined;
  }

  async declareQueue({ QUEUE, PASSIVE, DURABLE, AUTO_DELETE }: Values): Promise<string> {
    const declared = queue(String(QUEUE), {
      exchange: DEFAULT_EXCHANGE,
      durable: Boolean(DURABLE),
      autoDelete: Boolean(AUTO_DELETE),
    });
    const { messages, consumers } = await this.admin.declareQueue(declared, Boolean(PASSIVE));
    return `queue:${declared.name} messages:${messages} consumers:${consumers}`;
  }

  async publish({ MSG, EXCHANGE, ROUTING_KEY, MANDATORY, IMMEDIATE }: Values) {
    if (IMMEDIATE) throw new ChannelError('No broker supports IMMEDIATE any more.');
    const message: Message = {
      body: String(MSG),
      bodyEncoding: 'utf-8',
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      headers: {},
      properties: {},
    };
    const destination = {
      exchange: this.exchange(String(EXCHANGE)),
      routingKey: String(ROUTING_KEY),
    };
    await this.admin.publish(message, destination, { mandatory: Boolean(MANDATORY) });
    return undefined;
  }

  async get(name: string, noAck: boolean): Promise<string> {
    const delivery = await this.admin.get(name);
    if (!delivery) return 'No messages in queue. basic.publish something.';
    this.#tags += 1;
    const tag = String(this.#tags);
    if (noAck) await delivery.ack();
    else this.#taken.set(tag, delivery);
    return describe(delivery, tag);
  }

  async ack(tag: string): Promise<undefined> {
    const delivery = this.#taken.get(tag);
    if (!delivery) throw new ChannelError(`unknown delivery tag ${tag}`);
    this.#taken.delete(tag);
    await delivery.ack();
  }
}

const WHOLE = { maxLength: Number.POSITIVE_INFINITY, maxDepth: Number.POSITIVE_INFINITY };

/** A dictionary in Python's notation, as Celery shows it. */
function describe({ message, exchange, routingKey, redelivered }: Delivery, tag: string): string {
  const bytes = bodyBytes(message);
  const shown = {
    body: message.bodyEncoding === 'binary' ? bytes : bytes.toString('utf8'),
    delivery_info: { delivery_tag: tag, redelivered, exchange, routing_key: routingKey },
    properties: {
      content_type: message.contentType,
      content_encoding: message.contentEncoding,
      application_headers: message.headers,
      ...message.properties,
    },
  };
  const lines = Object.entries(shown).map(([key, value]) => `'${key}': ${saferepr(value, WHOLE)}`);
  return `{${lines.join(',\n ')}}`;
}
