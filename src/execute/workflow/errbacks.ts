import type { SignatureData } from '../../canvas/signature.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { Execution } from '../execution.ts';
import { label } from '../label.ts';
import type { TaskRequest } from '../request.ts';
import { sendSignature } from './send-signature.ts';

/** What errbacks are told of: a task that failed, or a chord whose body will not run. */
export interface Failed {
  readonly request: TaskRequest;
  readonly error: Error;
  readonly traceback: string;
}

export async function callErrbacks(
  x: Execution,
  errbacks: readonly SignatureData[],
  failed: Failed,
): Promise<void> {
  const group = errbacks.length > 0 ? x.ports.newId() : null;
  await Promise.all(errbacks.map(errback => callOrSend(x, errback, failed, group)));
}

/** An errback that wants to see the error is called here; the others get the id in a message. */
async function callOrSend(
  x: Execution,
  errback: SignatureData,
  { request, error, traceback }: Failed,
  group: string | null,
): Promise<void> {
  const call = x.ports.errback?.(errback.task);
  if (!call) {
    await sendSignature(x, errback, { args: [request.id], options: { group_id: group } });
    return;
  }
  const seen = errback.immutable ? [] : [request, error, traceback];
  try {
    await call([...seen, ...errback.args], errback.kwargs);
  } catch (failure) {
    x.ports.logger.error(
      `Task ${label(x)}: the errback ${errback.task} failed: ${exceptionRepr(failure)}`,
    );
  }
}
