import { RecentMap } from '../../base/collections/recent-map.ts';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { isMap } from '../../base/kind-of.ts';
import { checkArgument, type Kind, names as texts } from '../../base/option-kinds.ts';
import { snakeCase } from '../../base/text/case.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import {
  EXCHANGE_TYPES,
  type Exchange,
  type ExchangeType,
  exchange,
  type Queue,
  type QueueBinding,
  queue,
} from '../../messaging/entities.ts';
import { bindingsOf } from '../../messaging/virtual/routing.ts';
import { QueueNotFound } from './errors.ts';

/** A further way into a declared queue; `binding_key` is another word for `routing_key`. */
export interface BindingDeclaration {
  readonly exchange?: string | Exchange | null;
  readonly exchange_type?: ExchangeType | null;
  readonly routing_key?: string | null;
  readonly binding_key?: string | null;
  readonly binding_arguments?: Readonly<Record<string, unknown>> | null;
}

/** One queue in `task_queues`. Keys may also be written in camelCase. */
export interface QueueDeclaration extends BindingDeclaration {
  readonly bindings?: readonly (BindingDeclaration | QueueBinding)[] | null;
  readonly durable?: boolean;
  readonly exclusive?: boolean;
  readonly auto_delete?: boolean;
  readonly no_ack?: boolean;
  readonly max_priority?: number | null;
  readonly expires?: number | null;
  readonly message_ttl?: number | null;
  readonly max_length?: number | null;
  readonly max_length_bytes?: number | null;
  readonly queue_arguments?: Readonly<Record<string, unknown>> | null;
  readonly consumer_arguments?: Readonly<Record<string, unknown>> | null;
}

/** The values of `task_queues`. */
export type TaskQueues =
  | readonly (Queue | string | (QueueDeclaration & { readonly name: string }))[]
  | Readonly<Record<string, QueueDeclaration>>;

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

const BINDING_KEYS = [
  'exchange',
  'exchange_type',
  'routing_key',
  'binding_key',
  'binding_arguments',
];

export const DECLARATION_KEYS = [
  ...BINDING_KEYS,
  'name',
  'bindings',
  'durable',
  'exclusive',
  'auto_delete',
  'no_ack',
  'max_priority',
  'expires',
  'message_ttl',
  'max_length',
  'max_length_bytes',
  'queue_arguments',
  'consumer_arguments',
];

function exchangeType(name: string, where: string): ExchangeType {
  if ((EXCHANGE_TYPES as readonly string[]).includes(name)) return name as ExchangeType;
  throw new ImproperlyConfigured(
    `${where}: ${JSON.stringify(name)} is no exchange type.${didYouMean(name, EXCHANGE_TYPES)} Known: ${EXCHANGE_TYPES.join(', ')}.`,
  );
}

/** What `queue()` and its like make, as opposed to a declaration with some of its keys. */
function isEntity(value: object): value is Queue {
  const { exchange: target, routingKey, queueArguments } = value as Partial<Queue>;
  return typeof routingKey === 'string' && isExchange(target) && queueArguments !== undefined;
}

function isExchange(value: unknown): value is Exchange {
  return typeof value === 'object' && value !== null && 'name' in value && 'type' in value;
}

/** @throws ImproperlyConfigured for a key that is not in `known` */
function snakeCased<T>(declaration: object, known: readonly string[], where: string): T {
  const result: Record<string, unknown> = {};
  for (const [given, value] of Object.entries(declaration)) {
    const key = snakeCase(given);
    if (!known.includes(key)) {
      throw new ImproperlyConfigured(
        `${where}: unknown key ${JSON.stringify(given)}.${didYouMean(key, known)}`,
      );
    }
    result[key] = value;
  }
  return result as T;
}

const aQueue: Kind = {
  words: 'a queue, as queue("name") makes it',
  accepts: value => isMap(value) && isEntity(value),
};
const queueNames: Kind = { ...texts, words: 'a list of names of queues' };

const MOST_CREATED = 10_000;

export class Queues {
  readonly #settings: QueueSettings;
  readonly #known = new Map<string, Queue>();
  /** Names of broadcast queues, whose own names nobody knows. */
  readonly #aliases = new Map<string, Queue>();
  /** Created because somebody named them; a caller may name ever new ones. */
  readonly #created = new RecentMap<string, Queue>(MOST_CREATED);
  #consumed: Map<string, Queue> | undefined;

  /** @throws ImproperlyConfigured when `task_queues` cannot be understood */
  constructor(settings: QueueSettings) {
    this.#settings = settings;
    for (const each of this.#declared()) this.add(each);
  }

  has(name: string): boolean {
    return this.#known.has(name) || this.#aliases.has(name) || this.#created.has(name);
  }

  get names(): string[] {
    return [...this.#all()].map(({ name, alias }) => alias ?? name);
  }

  /** The exchange of that name, as far as the queues known so far tell. */
  exchange(name: string): Exchange | undefined {
    for (const each of this.#all()) {
      const bound = bindingsOf(each).find(({ exchange }) => exchange.name === name);
      if (bound) return bound.exchange;
    }
    return undefined;
  }

  /** The queues a worker takes messages from: the selected ones, or all. */
  get consumed(): Queue[] {
    return [...(this.#consumed?.values() ?? this.#all())];
  }

  /**
   * The queue of that name; an unknown one is created, as in Celery. @throws QueueNotFound when
   * that is not allowed
   */
  get(name: string): Queue {
    const known = this.#known.get(name) ?? this.#aliases.get(name) ?? this.#created.get(name);
    if (known) return known;
    this.requireUsable(name);
    const created = this.#withDefaults(this.#missing(name));
    this.#created.set(name, created);
    return created;
  }

  /** @throws QueueNotFound for a queue that is not known and may not be created */
  requireUsable(name: string): void {
    if (this.has(name) || this.#settings.task_create_missing_queues) return;
    throw new QueueNotFound(
      `Queue ${JSON.stringify(name)} is not in task_queues (${this.names.join(', ')}).${didYouMean(name, this.names)}`,
    );
  }

  /** A queue that names no exchange is bound to the app's default one, as in Celery. */
  bound(each: Queue): Queue {
    return each.exchange.name === '' ? { ...each, exchange: this.#defaultExchange } : each;
  }

  /**
   * The queue that a declaration as in `task_queues` describes; it is not known by that.
   *
   * @throws ImproperlyConfigured naming the key, TypeError for a value of the wrong kind
   */
  declare(name: string, declaration: QueueDeclaration): Queue {
    return this.#fromDeclaration(name, declaration);
  }

  /** Know a queue, in place of another of that name. */
  add(each: Queue): Queue {
    checkArgument(each, aQueue, 'What is added to the queues');
    const added = this.#withDefaults(each);
    this.#known.set(each.name, added);
    this.#created.delete(each.name);
    if (added.alias !== undefined) this.#aliases.set(added.alias, added);
    return added;
  }

  /** Consume only these (`-Q`). @throws ImproperlyConfigured for a queue that may not be created */
  select(names: readonly string[]): void {
    checkArgument(names, queueNames, 'What is selected of the queues');
    const unknown = names.find(name => !this.has(name));
    if (unknown !== undefined && !this.#settings.task_create_missing_queues) {
      const list = names.map(name => `'${name}'`).join(', ');
      throw new ImproperlyConfigured(
        `Trying to select queue subset of [${list}], but queue '${unknown}' isn't defined in the \`task_queues\` setting.` +
          `${didYouMean(unknown, this.names)}\n\n` +
          'To create queues that are not declared, enable the `task_create_missing_queues` setting.',
      );
    }
    const selected = names.map(name => this.#keep(name));
    this.#consumed = new Map(selected.map(each => [each.name, each]));
  }

  /** Do not consume these (`-X`); names that nobody knows are ignored, as in Celery. */
  deselect(names: readonly string[]): void {
    const excluded = new Set(names);
    this.#consumed = new Map(
      this.consumed
        .filter(({ name, alias }) => !excluded.has(name) && !excluded.has(alias ?? name))
        .map(each => [each.name, each]),
    );
  }

  selectAdd(each: Queue | string): Queue {
    const added = typeof each === 'string' ? this.#keep(each) : this.add(each);
    this.#consumed?.set(added.name, added);
    return added;
  }

  /** Like `get`, and not to be forgotten, as what `get` creates may be. */
  #keep(name: string): Queue {
    const found = this.get(name);
    return this.#created.has(name) ? this.add(found) : found;
  }

  *#all(): IterableIterator<Queue> {
    yield* this.#known.values();
    yield* this.#created.values();
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

  /** `key` is the routing key when it says none; as in Celery the queue's own name. */
  #fromDeclaration(name: string, declaration: QueueDeclaration, key = name): Queue {
    const where = `task_queues, queue ${JSON.stringify(name)}`;
    const given = snakeCased<QueueDeclaration>(declaration, DECLARATION_KEYS, where);
    const bindings = given.bindings?.map(each => this.#toBinding(each, key, where));
    const isBoundOnlyBy = bindings && bindings.length > 0 && !given.exchange;
    const { exchange: target, routingKey } = this.#toBinding(
      {
        exchange: given.exchange ?? null,
        exchange_type: given.exchange_type ?? null,
        routing_key: given.routing_key || given.binding_key || null,
      },
      key,
      where,
    );
    return queue(name, {
      ...(!isBoundOnlyBy && { exchange: target, routingKey }),
      ...(bindings && { bindings }),
      ...entityOptions(given),
    });
  }

  #toBinding(
    declaration: BindingDeclaration | QueueBinding,
    key: string,
    where: string,
  ): QueueBinding {
    if ('routingKey' in declaration && isExchange(declaration.exchange)) {
      return declaration as QueueBinding;
    }
    const given = snakeCased<BindingDeclaration>(declaration, BINDING_KEYS, where);
    const settings = this.#settings;
    const type = given.exchange_type || settings.task_default_exchange_type;
    const name = given.exchange || settings.task_default_exchange || settings.task_default_queue;
    const target = isExchange(name) ? name : exchange(name, exchangeType(type, where));
    // a fanout gives to all: its queues share the default key, as in Celery
    const own = target.type === 'fanout' ? '' : key;
    return {
      exchange: target,
      routingKey: given.routing_key || given.binding_key || own,
      ...(given.binding_arguments && { arguments: given.binding_arguments }),
    };
  }

  get #defaultExchange(): Exchange {
    return this.#toBinding({}, '', 'task_default_exchange_type').exchange;
  }

  get #defaultRoutingKey(): string {
    const { task_default_routing_key: key, task_default_queue: queue } = this.#settings;
    return key || queue;
  }

  #default(name: string): Queue {
    const { task_default_queue_type: type } = this.#settings;
    return {
      ...this.#fromDeclaration(name, {}, this.#defaultRoutingKey),
      queueArguments: type === 'classic' ? {} : { 'x-queue-type': type },
    };
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
    const isRanked = each.maxPriority !== undefined || 'x-max-priority' in each.queueArguments;
    const isBound = each.exchange.name !== '' && each.routingKey !== '';
    if (isBound && (maxPriority === null || isRanked)) return each;
    return {
      ...this.bound(each),
      routingKey: each.routingKey || this.#defaultRoutingKey,
      ...(maxPriority !== null && !isRanked && { maxPriority }),
    };
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
    maxLength: declaration.max_length,
    maxLengthBytes: declaration.max_length_bytes,
    queueArguments: declaration.queue_arguments,
    bindingArguments: declaration.binding_arguments,
    consumerArguments: declaration.consumer_arguments,
  };
  const given = Object.entries(options).filter(([, value]) => value != null);
  return Object.fromEntries(given) as Partial<Queue>;
}
