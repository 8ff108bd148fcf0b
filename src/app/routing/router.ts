/**
 * Where a call goes: `task_routes`, the options of the call and the queues decide.
 *
 * Explicit options of the call come first, then what the task's declaration says, then the
 * route, then the defaults of the queue; null and undefined count as not given.
 */

import { ImproperlyConfigured } from '../../base/errors.ts';
import {
  DEFAULT_EXCHANGE,
  type Exchange,
  type ExchangeType,
  exchange,
  isBroadcast,
  type Queue,
} from '../../messaging/entities.ts';
import { routeOptions } from '../options/option-checks.ts';
import type {
  RouteFunction,
  RoutePair,
  RouterObject,
  RouteTarget,
  TaskRoutes,
} from '../options/route-types.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import type { Queues } from './queues.ts';

/** A call on its way to a queue. `options` are those of `applyAsync`. */
export interface RoutedCall {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly options: Readonly<ApplyOptions>;
  readonly task?: unknown;
  /** What the task's declaration says; counts where the call says nothing, and before a route. */
  readonly defaults?: Readonly<ApplyOptions> | undefined;
}

export interface Route {
  /**
   * To declare before publishing; undefined when exchange and routing key were given explicitly,
   * and for broadcasts, whose queues belong to their workers.
   */
  readonly queue: Queue | undefined;
  /** Exchange to publish to; for queues with a direct exchange the nameless one, as in Celery. */
  readonly exchange: Exchange;
  readonly routingKey: string;
  /** Options of the call with those of the route under them, in option spelling; without the address. */
  readonly options: Readonly<ApplyOptions>;
}

const ADDRESS = new Set(['queue', 'exchange', 'exchangeType', 'routingKey']);

type Options = Record<string, unknown>;
type Lookup = (call: RoutedCall) => Options | undefined;

export class Router {
  readonly #queues: Queues;
  readonly #defaultQueue: string;
  readonly #lookups: readonly Lookup[];

  /**
   * @param routes the value of `task_routes`, with `loadRouters` done
   * @throws ImproperlyConfigured when it cannot be understood
   */
  constructor(queues: Queues, defaultQueue: string, routes: TaskRoutes | null) {
    this.#queues = queues;
    this.#defaultQueue = defaultQueue;
    this.#lookups = prepareRoutes(routes, name => queues.requireUsable(name));
  }

  /** @throws QueueNotFound for a queue that is not declared and may not be created */
  route(call: RoutedCall): Route {
    const given = call.defaults ? mergeOptions(call.options, call.defaults) : call.options;
    const target = this.#lookups.length > 0 ? this.#lookup({ ...call, options: given }) : undefined;
    return this.#address(target === undefined ? given : mergeOptions(given, target));
  }

  #lookup(call: RoutedCall): Options | undefined {
    for (const lookup of this.#lookups) {
      const target = lookup(call);
      if (target !== undefined) return target;
    }
    return undefined;
  }

  #address(merged: Readonly<Options>): Route {
    const options = withoutAddress(merged);
    // nearly every call: it costs nothing more than its queue
    if (!merged.exchange && !merged.exchangeType && !merged.routingKey) {
      const target = this.#queue(merged.queue as string | Queue | null | undefined);
      if (target.exchange.type === 'direct') return intoQueue(target, options);
    }
    const address = this.#addressIn(merged);
    const { queue: named, exchange: given, routingKey } = address;
    if (given !== '' && routingKey !== '' && !named) return { ...explicit(address), options };
    const target = this.#queue(named);
    const keyIsMissing = !named && routingKey === '' && isElsewhere(given, target);
    return { ...(keyIsMissing ? keyless(address, target) : toQueue(address, target)), options };
  }

  #addressIn({ queue, exchange, exchangeType, routingKey }: Readonly<Options>): Address {
    const given = (exchange ?? '') as string | Exchange;
    const isName = typeof given === 'string' && given !== '';
    return {
      queue: queue as string | Queue | null | undefined,
      exchange: given,
      declared: isName ? this.#queues.exchange(given) : undefined,
      type: (exchangeType ?? undefined) as ExchangeType | undefined,
      routingKey: (routingKey ?? '') as string,
    };
  }

  #queue(named: string | Queue | null | undefined): Queue {
    if (named !== null && typeof named === 'object') return this.#queues.bound(named);
    return this.#queues.get(named || this.#defaultQueue);
  }
}

function intoQueue(queue: Queue, options: Options): Route {
  return { queue, exchange: DEFAULT_EXCHANGE, routingKey: queue.name, options };
}

function isElsewhere(given: string | Exchange, { exchange }: Queue): boolean {
  const name = typeof given === 'string' ? given : given.name;
  return name !== '' && name !== exchange.name;
}

interface Address {
  readonly queue: string | Queue | null | undefined;
  /** `''` for none. */
  readonly exchange: string | Exchange;
  readonly declared: Exchange | undefined;
  readonly type: ExchangeType | undefined;
  readonly routingKey: string;
}

/** A call that names an exchange and a routing key needs no queue. */
function explicit({
  exchange: given,
  declared,
  type,
  routingKey,
}: Address): Omit<Route, 'options'> {
  const wanted = type ?? declared?.type ?? 'direct';
  const to = declared?.type === wanted ? declared : entity(given, wanted);
  return { queue: undefined, exchange: to, routingKey };
}

function toQueue(address: Address, target: Queue): Omit<Route, 'options'> {
  const { exchange: given, declared, routingKey } = address;
  const isExplicit = given !== '' && routingKey !== '';
  const type = address.type ?? declared?.type ?? target.exchange.type;
  if (!isExplicit && type === 'direct') {
    return { queue: target, exchange: DEFAULT_EXCHANGE, routingKey: target.name };
  }
  const to = declared?.type === type ? declared : given;
  return {
    queue: isBroadcast(target) ? undefined : target,
    exchange: to === '' ? target.exchange : entity(to, type),
    routingKey: routingKey || (target.routingKey ?? ''),
  };
}

/**
 * Where a call goes that names an exchange and no routing key.
 * @throws ImproperlyConfigured for an exchange that needs one to know the queue
 */
function keyless(
  { exchange: given, declared, type }: Address,
  { routingKey }: Queue,
): Omit<Route, 'options'> {
  const known = declared ?? given;
  const to = typeof known === 'string' ? entity(known, type ?? 'direct') : known;
  if (to.type === 'fanout' || to.type === 'headers') {
    return { queue: undefined, exchange: to, routingKey };
  }
  throw new ImproperlyConfigured(
    `The exchange ${JSON.stringify(to.name)} is given without a routing key, so nobody knows the queue; give routingKey too, or a queue instead.`,
  );
}

function entity(given: string | Exchange, type: ExchangeType): Exchange {
  return typeof given === 'string' ? exchange(given, type) : given;
}

function withoutAddress(merged: Readonly<Options>): Options {
  const options: Options = {};
  for (const key in merged) if (!ADDRESS.has(key)) options[key] = merged[key];
  return options;
}

/** `given` over `route`. A call that names its queue takes nothing of the route's address. */
export function mergeOptions(given: Readonly<Options>, route: Readonly<Options>): Options {
  const base = given.queue == null ? route : withoutAddress(route);
  const merged: Options = { ...base };
  for (const key in given) if (given[key] != null || !(key in merged)) merged[key] = given[key];
  return merged;
}

function toOptions(target: RouteTarget, whose: string): Options {
  if (typeof target === 'string') return { queue: target };
  if (typeof target !== 'object' || target === null || Array.isArray(target)) {
    throw new ImproperlyConfigured(
      `The route of ${whose} must be a queue's name or a map, but ${String(target)} was given.`,
    );
  }
  return routeOptions(target, whose);
}

/** Throws QueueNotFound for a queue that no call could be sent to. */
type QueueCheck = (name: string) => void;

function prepareRoutes(routes: TaskRoutes | null, checkQueue: QueueCheck): Lookup[] {
  if (routes === null) return [];
  if (!Array.isArray(routes)) return [toLookup(routes, checkQueue)];
  return groupPairs(routes).map(each => toLookup(each, checkQueue));
}

function isPair(value: unknown): value is RoutePair {
  if (!Array.isArray(value) || value.length !== 2) return false;
  return typeof value[0] === 'string' || value[0] instanceof RegExp;
}

/** Neighbouring pairs of a list of routers are one router, as a list of pairs is in Celery. */
function groupPairs(routes: readonly unknown[]): unknown[] {
  const groups: unknown[] = [];
  let pairs: RoutePair[] | undefined;
  for (const each of routes) {
    if (!isPair(each)) {
      pairs = undefined;
      groups.push(each);
    } else if (pairs) {
      pairs.push(each);
    } else {
      pairs = [each];
      groups.push(pairs);
    }
  }
  return groups;
}

function toLookup(router: unknown, checkQueue: QueueCheck): Lookup {
  const method = routingMethod(router);
  if (method) return functionLookup(method);
  if (typeof router === 'function') return functionLookup(router as RouteFunction);
  if (router instanceof Map) return mapLookup([...router], checkQueue);
  if (Array.isArray(router) && router.every(isPair)) return mapLookup(router, checkQueue);
  if (typeof router === 'object' && router !== null && !Array.isArray(router)) {
    return mapLookup(Object.entries(router), checkQueue);
  }
  throw new ImproperlyConfigured(
    'task_routes: a router is a map, a list of [pattern, target] pairs, a function, or an object ' +
      'or class with a method routeForTask, but ' +
      `${JSON.stringify(router) ?? typeof router} was given.`,
  );
}

function functionLookup(route: RouteFunction): Lookup {
  return ({ name, args, options: { kwargs = {}, ...options }, task }) => {
    const target = route(name, args, kwargs, options, task);
    if (target === undefined || target === null) return undefined;
    return toOptions(target, `task ${JSON.stringify(name)}`);
  };
}

/** The method of a router object; of a class an object is made, as in Celery. */
function routingMethod(router: unknown): RouteFunction | undefined {
  if (typeof router === 'function') {
    const { prototype } = router as { prototype?: RouterObject };
    if (!prototype || !hasMethod(prototype)) return undefined;
    return routingMethod(new (router as new () => RouterObject)());
  }
  if (typeof router !== 'object' || router === null || !hasMethod(router)) return undefined;
  const { routeForTask, route_for_task: celerys } = router as RouterObject;
  return (routeForTask ?? celerys)?.bind(router);
}

function hasMethod(router: RouterObject): boolean {
  return typeof (router.routeForTask ?? router.route_for_task) === 'function';
}

/** An exact name first, then patterns in the order they were written, as in Celery. */
function mapLookup(pairs: readonly RoutePair[], checkQueue: QueueCheck): Lookup {
  const exact = new Map<string, Options>();
  const patterns: (readonly [RegExp, Options])[] = [];
  for (const [pattern, given] of pairs) {
    // null leaves the task to the next router
    if (given === null || given === undefined) continue;
    const target = toOptions(given, named(pattern));
    if (typeof target.queue === 'string') checkQueue(target.queue);
    if (pattern instanceof RegExp) {
      patterns.push([new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')), target]);
    } else if (/[*?]/.test(pattern)) {
      patterns.push([globToRegExp(pattern), target]);
    } else {
      exact.set(pattern, target);
    }
  }
  return ({ name }) => exact.get(name) ?? patterns.find(([pattern]) => pattern.test(name))?.[1];
}

function named(pattern: string | RegExp): string {
  return typeof pattern === 'string' ? `task ${JSON.stringify(pattern)}` : String(pattern);
}

/** `*` is one or more characters (as in Celery), `?` exactly one. */
function globToRegExp(glob: string): RegExp {
  const source = glob
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replace(/\*+/g, '.+')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`);
}
