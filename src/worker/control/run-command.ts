import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import { printable } from '../../base/text/printable.ts';
import { slipInArguments } from '../../control/registry.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { WorkerParts } from '../assembly.ts';
import { CONSUMER_HANDLERS } from './consumers.ts';
import { EVENT_HANDLERS } from './events.ts';
import type { Arguments, Handler } from './handler.ts';
import { INSPECT_HANDLERS } from './inspect.ts';
import { NODE_HANDLERS } from './node.ts';
import { ownState } from './own-state.ts';
import { POOL_HANDLERS } from './pool.ts';
import { PROCESS_HANDLERS } from './process.ts';
import { TASK_HANDLERS } from './tasks.ts';

/** By the names of `control/commands.ts`. */
export const HANDLERS: Readonly<Record<string, Handler>> = {
  ...INSPECT_HANDLERS,
  ...PROCESS_HANDLERS,
  ...TASK_HANDLERS,
  ...POOL_HANDLERS,
  ...CONSUMER_HANDLERS,
  ...EVENT_HANDLERS,
  ...NODE_HANDLERS,
};

/** The reply; undefined is none. Never rejects: what goes wrong is a reply, in Python's words. */
export async function runCommand(
  worker: WorkerParts,
  name: string,
  args: Arguments,
): Promise<unknown> {
  const { logger } = worker;
  try {
    const run = handlerOf(worker.app, name, args);
    if (!run) {
      logger.error(`No such control command: ${printable(name)}`);
      return { error: `KeyError('${name}')` };
    }
    return await run(worker, args);
  } catch (error) {
    logger.error(`pidbox command error: ${exceptionRepr(error)}`);
    return { error: exceptionRepr(error) };
  }
}

/** @throws TypeError for arguments that the command does not take */
function handlerOf(app: Celery, name: string, args: Arguments): Handler | undefined {
  const { commands } = app[INTERNALS];
  const row = commands.find(name);
  if (!row) return undefined;
  const slip = slipInArguments(row, args);
  if (slip !== undefined) throw new TypeError(slip);
  const own = commands.handlerOf(name);
  return own
    ? (worker, given) => own(ownState(worker) as never, given as never)
    : HANDLERS[row.name];
}
