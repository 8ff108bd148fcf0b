import { isPlainRecord } from '../../base/kind-of.ts';
import { signalNamed } from '../../base/process/signal-names.ts';
import { printable } from '../../base/text/printable.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { stampsOf } from '../../control/stamps.ts';
import type { WorkerParts } from '../assembly.ts';
import type { Request } from '../request.ts';
import { LONGEST_REVOKED, stampKey } from '../revoking/revoked-tasks.ts';
import { type Arguments, type Handler, ok, refused, texts } from './handler.ts';

/** Ids shown of a command that names more. */
const MOST_SHOWN = 100;

export const TASK_HANDLERS = {
  revoke: (worker, args) => revoke(worker, args, args.terminate === true),

  terminate: (worker, args) => revoke(worker, args, true),

  async revoke_by_stamped_headers(worker, { headers, terminate: terminates, signal: given }) {
    const wanted = stampsIn(headers);
    const stamps = Object.entries(wanted).flatMap(([header, values]) =>
      [values].flat().map((value): [string, unknown] => [header, value]),
    );
    for (const [header, value] of stamps) notTooLong(stampKey(header, value));
    const signal = terminates ? signalOf(given) : undefined;
    const shown = printable(saferepr(wanted));
    for (const [header, value] of stamps) worker.revoked.addStamp(header, value);
    worker.logger.info(`Tasks with the stamps ${shown} flagged as revoked`);
    const isMeant = ({ headers: task }: Request) => worker.revoked.covers(task);
    const waiting = discard(worker, isMeant);
    const running = signal ? terminate(worker, isMeant, signal) : [];
    await worker.stateFile?.save();
    if (!signal) return ok(`headers ${shown} flagged as revoked, but not terminated`);
    const isAny = waiting.length + running.length > 0;
    return ok(`headers ${shown} ${isAny ? 'revoked' : 'were not terminated'}`);
  },

  rate_limit({ app, logger, rateLimits }, { task_name: task, rate_limit: limit }) {
    const name = String(task);
    if (!app.tasks.has(name)) {
      logger.error(`Rate limit attempt for unknown task ${printable(name)}`);
      return refused('unknown task');
    }
    if (!rateLimits) return refused('rate limits are off (worker_disable_rate_limits)');
    try {
      const set = typeof limit === 'string' ? limit.trim() : limit;
      rateLimits.set(name, set as string | number | null);
    } catch (error) {
      return refused((error as Error).message);
    }
    if (!limit) {
      logger.info(`Rate limits disabled for tasks of type ${printable(name)}`);
      return ok('rate limit disabled successfully');
    }
    logger.info(
      `New rate limit for tasks of type ${printable(name)}: ${printable(String(limit))}.`,
    );
    return ok('new rate limit set successfully');
  },

  time_limit({ app, logger }, { task_name: task, soft, hard }) {
    const name = String(task);
    const found = app.tasks.get(name);
    if (!found) {
      logger.error(`Change time limit attempt for unknown task ${printable(name)}`);
      return refused('unknown task');
    }
    const limits = { soft: secondsOrNull(soft, 'soft'), hard: secondsOrNull(hard, 'hard') };
    found.definition.limitTime(limits);
    logger.info(
      `New time limits for tasks of type ${printable(name)}: soft=${limits.soft ?? 'None'} hard=${limits.hard ?? 'None'}`,
    );
    return ok('time limits set successfully');
  },
} satisfies Record<string, Handler>;

async function revoke(worker: WorkerParts, args: Arguments, terminates: boolean): Promise<unknown> {
  const ids = new Set(idsOf(args.task_id));
  const signal = terminates ? signalOf(args.signal) : undefined;
  for (const id of ids) worker.revoked.add(id);
  // what follows from it is logged after it
  if (signal === undefined) worker.logger.info(`Tasks flagged as revoked: ${listed([...ids])}`);
  const waiting = discard(worker, request => ids.has(request.id));
  const running = signal ? terminate(worker, request => ids.has(request.id), signal) : [];
  // who hears the answer may rely on it
  await Promise.all([worker.stateFile?.save(), worker.storedRevokes?.keep([...ids])]);
  if (signal === undefined) {
    return ok(`tasks ${listed([...ids])} flagged as revoked`);
  }
  const found = [...waiting, ...running];
  return ok(found.length > 0 ? `terminate: ${listed(found)}` : 'terminate: tasks unknown');
}

/** Settle the messages of tasks that wait here, and store that they are revoked. Returns their ids. */
function discard(
  { admission, dispatcher, unwanted }: WorkerParts,
  isMeant: (request: Request) => boolean,
): string[] {
  // one that was given to another worker is that worker's to discard
  const isOurs = (request: Request) => isMeant(request) && !request.delivery.lost;
  const waiting = [...admission.withdraw(isOurs), ...dispatcher.withdraw(isOurs)];
  for (const request of waiting) unwanted.revoked(request);
  return waiting.map(request => request.id);
}

/** Kill what runs these tasks now, or is about to. Returns the ids of those that are here. */
function terminate(
  { dispatcher, logger }: WorkerParts,
  isMeant: (request: Request) => boolean,
  signal: NodeJS.Signals,
): string[] {
  const running = dispatcher.terminate(isMeant, signal).map(request => request.id);
  for (const id of running) logger.info(`Terminating ${printable(id)} (${signal})`);
  return running;
}

/** `{header: value}`, `{header: [value, …]}` or `["header=value", …]`. */
function stampsIn(given: unknown): Readonly<Record<string, unknown>> {
  if (isPlainRecord(given)) return given;
  const words = texts(given);
  if (words.length === 0 || words.some(word => word.indexOf('=') < 1)) {
    throw new TypeError(
      `revoke_by_stamped_headers needs headers, as {"header": "value"} or ["header=value"], got ${saferepr(given)}`,
    );
  }
  return stampsOf(words);
}

function idsOf(value: unknown): string[] {
  if (typeof value === 'string' || Array.isArray(value)) return texts(value).map(notTooLong);
  throw new TypeError(`revoke needs task_id, a text or a list of texts, got ${String(value)}`);
}

function notTooLong(revoked: string): string {
  if (revoked.length <= LONGEST_REVOKED) return revoked;
  throw new RangeError(
    `what is revoked must have at most ${LONGEST_REVOKED} characters, got ${revoked.length}`,
  );
}

/** What Python sends for none is the default. */
function signalOf(value: unknown): NodeJS.Signals {
  return value === undefined || value === null || value === '' ? 'SIGTERM' : signalNamed(value);
}

function secondsOrNull(value: unknown, name: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value;
  throw new TypeError(`${name} must be a number of seconds, got ${JSON.stringify(value)}`);
}

function listed(ids: readonly string[]): string {
  const shown = printable(ids.slice(0, MOST_SHOWN).join(', '));
  return ids.length > MOST_SHOWN ? `${shown} and ${ids.length - MOST_SHOWN} more` : shown;
}
