/** The scheduler and the election that the settings name. */
import { hostname } from 'node:os';
import type { Celery } from '../app/app.ts';
import { splitSpec } from '../app/loading/find-app.ts';
import { loadModule } from '../app/loading/load-module.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import { isClass, isMap } from '../base/kind-of.ts';
import type { Logger } from '../base/logger.ts';
import { expandNodePath } from '../base/node-name.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { saferepr } from '../base/text/saferepr.ts';
import type { ScheduleStore } from '../schedule-stores/contract.ts';
import {
  isRedBeat,
  openScheduleStore,
  type ScheduleStoreOptions,
  STORE_NAMES,
  storeNamed,
} from '../schedule-stores/open.ts';
import { redbeatKeys, redbeatPlace } from '../schedule-stores/redbeat/keys.ts';
import type { Election } from './leader/contract.ts';
import { LocalElection } from './leader/local.ts';
import { electsLeaders, openElection } from './leader/open.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';

/** Seconds, as in Celery. */
const MAX_INTERVAL = 300;

type SchedulerClass = new (app: Celery, options: SchedulerOptions) => Scheduler;
type StoreClass = new (options: ScheduleStoreOptions) => ScheduleStore;

/** The store of a scheduler that has none of its own. */
const DEFAULT_STORE = 'file';
const STORE_METHODS = ['start', 'stop', 'load', 'putCode', 'save', 'watch'];

export interface OpenScheduler {
  readonly scheduler: Scheduler;
  /** For the banner: `celery.beat.PersistentScheduler`. */
  readonly name: string;
}

/**
 * @param node its name, for `%n` and `%h` in the name of the schedule's file
 * @throws ImproperlyConfigured for a name that is none of a store, a module or a class
 */
export async function openScheduler(
  app: Celery,
  logger: Logger,
  node: string,
): Promise<OpenScheduler> {
  const { conf } = app;
  const named = conf.get('beat_scheduler');
  const maxInterval = conf.get('beat_max_loop_interval') || MAX_INTERVAL;
  const forStore = storeOptions(app, logger, node);
  const make = (Class: SchedulerClass, store: ScheduleStore) =>
    new Class(app, { store, maxInterval, logger });
  if (typeof named === 'string' && storeNamed(named) !== undefined) {
    const store = (await openScheduleStore(named, forStore))!;
    return { scheduler: make(Scheduler, store), name: named.replace(':', '.') };
  }
  const found = typeof named === 'string' ? await load(named) : named;
  const name = typeof named === 'string' ? named : named.name;
  if (isScheduler(found)) {
    const store = (await openScheduleStore(DEFAULT_STORE, forStore))!;
    return { scheduler: make(found, store), name };
  }
  return { scheduler: make(Scheduler, storeOf(found, name, forStore)), name };
}

function storeOptions(app: Celery, logger: Logger, node: string): ScheduleStoreOptions {
  const { conf } = app;
  return {
    filename: expandNodePath(conf.get('beat_schedule_filename'), node),
    context: { timezone: app.timezone, now: () => app.clock.now() },
    enableUtc: conf.get('enable_utc'),
    logger,
    setting: setting => conf.get(setting as 'beat_scheduler'),
  };
}

async function load(name: string): Promise<unknown> {
  const [module, attribute] = splitSpec(name);
  if (!/[:/\\]|\.[cm]?[jt]s$/.test(name)) throw noScheduler(name, didYouMean(name, STORE_NAMES));
  let exports: Readonly<Record<string, unknown>>;
  try {
    exports = await loadModule(module, process.cwd());
  } catch (error) {
    if (module.startsWith('celery')) throw noScheduler(name, didYouMean(name, STORE_NAMES));
    throw error;
  }
  const found = exports[attribute ?? 'default'];
  if (found !== undefined) return found;
  const names = Object.keys(exports);
  throw noScheduler(
    name,
    ` The module exports: ${names.join(', ')}.${didYouMean(attribute ?? 'default', names)}`,
  );
}

function noScheduler(name: string, hint: string): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `beat_scheduler (-S): there is no scheduler ${JSON.stringify(name)}.${hint} Known are ${STORE_NAMES.join(', ')}, and a class as ./module.ts:Class.`,
  );
}

function isScheduler(found: unknown): found is SchedulerClass {
  // of another copy of the library it has the methods, too
  const { prototype } = (found ?? {}) as { prototype?: Partial<Scheduler> };
  return typeof prototype?.applyEntry === 'function' && 'setupSchedule' in prototype;
}

/** A class of stores, or a store. */
function storeOf(found: unknown, name: string, options: ScheduleStoreOptions): ScheduleStore {
  const store = isClass(found) ? new (found as unknown as StoreClass)(options) : found;
  const missing = STORE_METHODS.find(
    method => !isMap(store) || typeof store[method] !== 'function',
  );
  if (missing === undefined) return store as ScheduleStore;
  throw new ImproperlyConfigured(
    `beat_scheduler (-S): ${name} is neither a class that extends Scheduler nor a ScheduleStore: ${
      isMap(store) ? `it has no method ${missing}` : `got ${saferepr(store)}`
    }.`,
  );
}

/** @throws ImproperlyConfigured for a `beat_lock_url` that cannot elect */
export async function electionOf(app: Celery, lockKey: string): Promise<Election> {
  const election = await ownElectionOf(app, lockKey);
  const { conf } = app;
  const scheduler = conf.get('beat_scheduler');
  if (typeof scheduler !== 'string' || !isRedBeat(scheduler)) return election;
  const { RedBeatElection } = await import('./leader/redbeat.ts');
  const setting = (name: string) => conf.get(name as 'beat_scheduler');
  return new RedBeatElection(election, {
    place: redbeatPlace(setting),
    key: redbeatKeys(setting).lock,
    timeout: conf.get('redbeat_lock_timeout') ?? undefined,
  });
}

async function ownElectionOf(app: Celery, lockKey: string): Promise<Election> {
  const { conf } = app;
  const given = conf.get('beat_lock_url');
  if (!conf.get('beat_leader_election')) return new LocalElection();
  const candidates = [conf.get('broker_write_url'), conf.get('result_backend') ?? ''];
  const url = given ?? candidates.find(electsLeaders);
  if (url === undefined) return new LocalElection();
  const isOfResults = url === conf.get('result_backend') && url !== candidates[0];
  return await openElection(url, {
    name: lockKey,
    settings: {
      transportOptions: conf.get(
        isOfResults ? 'result_backend_transport_options' : 'broker_transport_options',
      ),
      connectTimeout: conf.get('broker_connection_timeout'),
      useSsl: isOfResults
        ? ((conf.get('redis_backend_use_ssl') as boolean | null) ?? false)
        : conf.get('broker_use_ssl'),
      heartbeat: conf.get('broker_heartbeat'),
      loginMethod: conf.get('broker_login_method'),
      connectionName: `beat@${hostname()}`,
    },
  });
}
