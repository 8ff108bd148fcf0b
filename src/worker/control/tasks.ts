/** The remote control commands of a worker. Names, arguments and replies are Celery's. */
import type { Logger } from '../../base/logger.ts';
import { printable } from '../../base/text/printable.ts';
import type { RevokedTasks } from '../revoked-tasks.ts';
import type { ControlCommand } from './inbox.ts';

/** What the commands may do to the worker. */
export interface ControlledWorker {
  readonly revoked: RevokedTasks;
  readonly logger: Logger;
  /** Store that the task is revoked, whoever has it. */
  storeRevoked(id: string): Promise<void>;
  /** Kill what runs the task now, or as soon as it starts. Returns whether the task is here. */
  terminate(id: string, signal: NodeJS.Signals): boolean;
}

export function controlCommands(worker: ControlledWorker): Record<string, ControlCommand> {
  return {
    ping: () => ({ ok: 'pong' }),
    revoke: args => revoke(worker, args, args.terminate === true),
    terminate: args => revoke(worker, args, true),
    revoked: () => worker.revoked.ids(),
  };
}

async function revoke(
  worker: ControlledWorker,
  args: Readonly<Record<string, unknown>>,
  terminate: boolean,
): Promise<unknown> {
  const ids = idsOf(args.task_id);
  for (const id of ids) worker.revoked.add(id);
  await Promise.all(ids.map(id => worker.storeRevoked(id)));
  if (!terminate) {
    worker.logger.info(`Tasks flagged as revoked: ${printable(ids.join(', '))}`);
    return { ok: `tasks ${printable(ids.join(', '))} flagged as revoked` };
  }
  const signal = signalOf(args.signal);
  const found = ids.filter(id => worker.terminate(id, signal));
  for (const id of found) worker.logger.info(`Terminating ${printable(id)} (${signal})`);
  return { ok: found.length > 0 ? `terminate: ${found.join(', ')}` : 'terminate: tasks unknown' };
}

function idsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.map(String);
  throw new TypeError(`revoke needs task_id, a text or a list of texts, got ${String(value)}`);
}

/** Names with or without SIG; numbers are left to the default. */
function signalOf(value: unknown): NodeJS.Signals {
  if (typeof value !== 'string') return 'SIGTERM';
  const name = value.toUpperCase();
  return (name.startsWith('SIG') ? name : `SIG${name}`) as NodeJS.Signals;
}
