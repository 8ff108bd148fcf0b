/** The queues an app knows, and those of them a worker consumes. */

import { ImproperlyConfigured } from '../base/errors.ts';
import { didYouMean } from '../base/nearest.ts';
import { type ExchangeType, exchange, type Queue, queue } from '../messaging/entities.ts';
import { QueueNotFound } from './errors.ts';

/** One queue in `task_queues`; `binding_key` is another word for `routing_key`. */
export interface QueueDeclaration {
  readonly exchange?: string | null;
  readonly exchange_type?: ExchangeType | null;
  readonly routing_key?: string | null;
  readonly binding_key?: string | null;
  readonly durable?: boolean;
  readonly exclusive?: boolean;
  readonly auto_delete?: boolean;
  readonly no_ack?: boolean;
  readonly max_priority?: number | null;
  readonly expires?: number | null;
  readonly message_ttl?: number | null;
  readonly queue_arguments?: Readonly<Record<string, unknown>> | null;
  readonly binding_arguments?: Readonly<Record<string, unknown>> | null;
  readonly consumer_arguments?: Readonly<Record<string, unknown>> | null;
}

/** The values of `task_queues`. */
export type TaskQueues =
  | readonly (Queue | string | (QueueDeclaration & { readonly name: string }))[]
  | Readonly<Record<string, QueueDeclaration>>;

/** The settings that queues are made from. */
export interface QueueSettings {
  readonly task_queues: TaskQueues | null;
  readonly task_default_queue: string;
  readonly task_default_queue_type: string;
  readonly task_default_exchange: string | null;
  readonly task_default_exchange_type: string;
  readonly task_default_routing_key: string | null;
  readonly task_queue_max_priority: number | null;
  readonly task_create_missing_queues: boolean;
  readonly task_create_missing_queue_type: string;
  readonly task_create_missing_queue_exchange_type: string | null;
}

const DECLARATION_KEYS = [
  'name',
  'exchange',
  'exchange_type',
  'routing_key',
  'binding_key',
  'durable',
  'exclusive',
  'auto_delete',
  'no_ack',
  'max_priority',
  'expires',
  'message_ttl',
  'queue_arguments',
  'binding_arguments',
  'consumer_arguments',
] as const;

const EXCHANGE_TYPES: readonly string[] = ['direct', 'topic', 'fanout', 'headers'];

function exchangeType(name: string, where: string): ExchangeType {
  if (EXCHANGE_TYPES.includes(name)) return name as ExchangeType;
  throw new ImproperlyConfigured(
    `${where}: ${JSON.stringify(name)} is no exchange type.${didYouMean(name, EXCHANGE_TYPES)} Known: ${EXCHANGE_TYPES.join(', ')}.`,
  );
}

function isEntity(value: object): value is Queue {
  const { exchange: target, routingKey } = value as Partial<Queue>;
  return typeof routingKey === 'string' && typeof target === 'object' && target !== null;
}

export class Queues {
  readonly #settings: QueueSettings;
  readonly #known = new Map<string, Queue>();
  #consumed: Map<string, Queue> | undefined;

  /** @throws ImproperlyConfigured when `task_queues` cannot be understood */
  constructor(settings: QueueSettings) {
    this.#settings = settings;
    for (const each of this.#declared()) this.#known.set(each.name, this.#withDefaults(each));
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  /** Names of all queues known so far. */
  get names(): string[] {
    return [...this.#known.keys()];
  }

  /** The queues a worker takes messages from: the selected ones, or all. */
  get consumed(): Queue[] {
    return [...(this.#consumed ?? this.#known).values()];
  }

  /** The queue of that name; an unknown one is created. @throws QueueNotFound when that is not allowed */
  get(name: string): Queue {
    const known = this.#known.get(name);
    if (known) return known;
    if (!this.#settings.task_create_missing_queues) {
      throw new QueueNotFound(
        `Queue ${JSON.stringify(name)} is not in task_queues (${this.names.join(', ')}).${didYouMean(name, this.names)}`,
      );
    }
    return this.add(this.#missing(name));
  }

  /** Know a queue, in place of another of that name. */
  add(each: Queue): Queue {
    const added = this.#withDefaults(each);
    this.#known.set(each.name, added);
    return added;
  }

  /** Consume only these (`-Q`). @throws ImproperlyConfigured for a queue that may not be created */
  select(names: readonly string[]): void {
    const unknown = names.find(name => !this.#known.has(name));
    if (unknown !== undefined && !this.#settings.task_create_missing_queues) {
      const list = names.map(name => `'${name}'`).join(', ');
      throw new ImproperlyConfigured(
        `Trying to select queue subset of [${list}], but queue '${unknown}' isn't defined in the \`task_queues\` setting.` +
          `${didYouMean(unknown, this.names)}\n\n` +
          'To create queues that are not declared, enable the `task_create_missing_queues` setting.',
      );
    }
    this.#consumed = new Map(names.map(name => [name, this.get(name)]));
  }

  /** Do not consume these (`-X`); names that nobody knows are ignored. */
  deselect(names: readonly string[]): void {
    const excluded = new Set(names);
    this.#consumed = new Map(
      this.consumed.filter(each => !excluded.has(each.name)).map(each => [each.name, each]),
    );
  }

  /** Consume from one more queue. */
  selectAdd(each: Queue | string): Queue {
    const added = typeof each === 'string' ? this.get(each) : this.add(each);
    this.#consumed?.set(added.name, added);
    return added;
  }

  #declared(): Queue[] {
    const { task_queues: declared, task_default_queue: name } = this.#settings;
    if (declared === null) return [this.#default(name)];
    if (Array.isArray(declared)) return declared.map(entry => this.#fromEntry(entry));
    if (typeof declared !== 'object') throw this.#unreadable(declared);
    return Object.entries(declared as Record<string, QueueDeclaration>).map(([key, value]) =>
      this.#fromDeclaration(key, value ?? {}),
    );
  }

  #fromEntry(entry: unknown): Queue {
    if (typeof entry === 'string') return this.#fromDeclaration(entry, {});
    if (typeof entry !== 'object' || entry === null) throw this.#unreadable(entry);
    if (isEntity(entry)) return entry;
    const { name } = entry as { name?: unknown };
    if (typeof name !== 'string') throw this.#unreadable(entry);
    return this.#fromDeclaration(name, entry as QueueDeclaration);
  }

  #unreadable(entry: unknown): ImproperlyConfigured {
    return new ImproperlyConfigured(
      'task_queues must be a list of queues or names, or a map of name to {exchange, exchange_type, routing_key}; ' +
        `${JSON.stringify(entry) ?? typeof entry} is neither.`,
    );
  }

  #fromDeclaration(name: string, declaration: QueueDeclaration): Queue {
    const where = `task_queues, queue ${JSON.stringify(name)}`;
    for (const key of Object.keys(declaration)) {
      if ((DECLARATION_KEYS as readonly string[]).includes(key)) continue;
      throw new ImproperlyConfigured(
        `${where}: unknown key ${JSON.stringify(key)}.${didYouMean(key, DECLARATION_KEYS)}`,
      );
    }
    const settings = this.#settings;
    const type = declaration.exchange_type || settings.task_default_exchange_type;
    return queue(name, {
      exchange: exchange(
        declaration.exchange || settings.task_default_exchange || settings.task_default_queue,
        exchangeType(type, where),
      ),
      routingKey:
        declaration.routing_key ||
        declaration.binding_key ||
        settings.task_default_routing_key ||
        settings.task_default_queue,
      ...entityOptions(declaration),
    });
  }

  #default(name: string): Queue {
    const { task_default_queue_type: type } = this.#settings;
    return queue(name, {
      ...this.#fromDeclaration(name, {}),
      queueArguments: type === 'classic' ? {} : { 'x-queue-type': type },
    });
  }

  #missing(name: string): Queue {
    const settings = this.#settings;
    if (name === settings.task_default_queue) return this.#default(name);
    const type = settings.task_create_missing_queue_exchange_type ?? 'direct';
    const queueType = settings.task_create_missing_queue_type;
    return queue(name, {
      exchange: exchange(name, exchangeType(type, 'task_create_missing_queue_exchange_type')),
      queueArguments: queueType === 'classic' ? {} : { 'x-queue-type': queueType },
    });
  }

  #withDefaults(each: Queue): Queue {
    const maxPriority = this.#settings.task_queue_max_priority;
    if (maxPriority === null || each.maxPriority !== undefined) return each;
    return { ...each, maxPriority };
  }
}

function entityOptions(declaration: QueueDeclaration): Partial<Queue> {
  const options = {
    durable: declaration.durable,
    exclusive: declaration.exclusive,
    autoDelete: declaration.auto_delete,
    noAck: declaration.no_ack,
    maxPriority: declaration.max_priority,
    expires: declaration.expires,
    messageTtl: declaration.message_ttl,
    queueArguments: declaration.queue_arguments,
    bindingArguments: declaration.binding_arguments,
    consumerArguments: declaration.consumer_arguments,
  };
  const given = Object.entries(options).filter(([, value]) => value != null);
  return Object.fromEntries(given) as Partial<Queue>;
}
