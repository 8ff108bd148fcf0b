import type { ApplyOptions } from './task-options.ts';

type Nullable<T> = { readonly [K in keyof T]?: T[K] | null };
type Snake<S extends string> = S extends `${infer Head}${infer Rest}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${Snake<Rest>}`
  : S;
type InDataSpelling<T> = { readonly [K in keyof T as Snake<K & string>]: T[K] };

type Routable = Omit<ApplyOptions, 'kwargs'>;

/**
 * What a route may set: where to, and every other option of a call. Data spelling (`routing_key`)
 * counts too, since config files may be shared with Python.
 */
export type RouteOptions = Nullable<Routable> & Nullable<InDataSpelling<Routable>>;

/** A queue's name, or options. */
export type RouteTarget = string | RouteOptions;

/** Undefined or null leaves the task to the next router. Called when a task is published. */
export type RouteFunction = (
  name: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  options: Readonly<Record<string, unknown>>,
  task: unknown,
) => RouteTarget | null | undefined;

export type RoutePair = readonly [pattern: string | RegExp, target: RouteTarget];
export type RouteMap =
  | Readonly<Record<string, RouteTarget>>
  | ReadonlyMap<string | RegExp, RouteTarget>;

/** A router with a method; Celery's spelling of its name works too. */
export interface RouterObject {
  readonly routeForTask?: RouteFunction;
  readonly route_for_task?: RouteFunction;
}

/** A router, or a class of routers, of which one is made. */
export type RouterEntry =
  | RouteMap
  | RouteFunction
  | RouterObject
  | (new () => RouterObject)
  | RoutePair
  | readonly RoutePair[];

/**
 * The values of `task_routes`: one router, or a list of them. A string names a router that a
 * module exports (`./routers.ts:routeTask`).
 */
export type TaskRoutes =
  | Exclude<RouterEntry, RoutePair>
  | string
  | readonly (RouterEntry | string)[];
