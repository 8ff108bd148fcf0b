/** The remote control commands of a worker. Names, arguments and replies are Celery's. */
import type { Logger } from '../../base/logger.ts';
import { signalNamed } from '../../base/signal-names.ts';
import { printable } from '../../base/text/printable.ts';
import type { RevokedTasks } from '../revoked-tasks.ts';
import type { ControlCommand } from './inbox.ts';

/** Ids shown of a command that names more. */
const MOST_SHOWN = 100;

/** What the commands may do to the worker. */
export interface ControlledWorker {
  readonly revoked: RevokedTasks;
  readonly logger: Logger;
  /** Settle the messages of tasks that wait here, and store that they are revoked. Returns their ids. */
  discard(ids: ReadonlySet<string>): string[];
  /** Kill what runs these tasks now, or is about to. Returns the ids of those that are here. */
  terminate(ids: ReadonlySet<string>, signal: NodeJS.Signals): string[];
}

export function controlCommands(worker: ControlledWorker): Record<string, ControlCommand> {
  return {
    ping: () => ({ ok: 'pong' }),
    revoke: args => revoke(worker, args, args.terminate === true),
    terminate: args => revoke(worker, args, true),
    revoked: () => worker.revoked.ids(),
  };
}

function revoke(
  worker: ControlledWorker,
  args: Readonly<Record<string, unknown>>,
  terminates: boolean,
): unknown {
  const ids = new Set(idsOf(args.task_id));
  const signal = terminates ? signalOf(args.signal) : undefined;
  for (const id of ids) worker.revoked.add(id);
  const waiting = worker.discard(ids);
  if (signal === undefined) {
    worker.logger.info(`Tasks flagged as revoked: ${listed([...ids])}`);
    return { ok: `tasks ${listed([...ids])} flagged as revoked` };
  }
  const running = worker.terminate(ids, signal);
  for (const id of running) worker.logger.info(`Terminating ${printable(id)} (${signal})`);
  const found = [...waiting, ...running];
  return { ok: found.length > 0 ? `terminate: ${listed(found)}` : 'terminate: tasks unknown' };
}

function idsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.map(String);
  throw new TypeError(`revoke needs task_id, a text or a list of texts, got ${String(value)}`);
}

/** What Python sends for none is the default. */
function signalOf(value: unknown): NodeJS.Signals {
  return value === undefined || value === null || value === '' ? 'SIGTERM' : signalNamed(value);
}

function listed(ids: readonly string[]): string {
  const shown = printable(ids.slice(0, MOST_SHOWN).join(', '));
  return ids.length > MOST_SHOWN ? `${shown} and ${ids.length - MOST_SHOWN} more` : shown;
}
