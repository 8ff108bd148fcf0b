/** What a finished run sends out: callbacks and the next step of a chain, or errbacks. */

import type { SignatureData } from '../../canvas/signature.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import * as states from '../../wire/results/states.ts';
import type { Execution } from '../execution.ts';
import { label } from '../label.ts';
import type { FailureOutcome } from '../outcome.ts';
import { giveUp, tellChord } from './chord-parts.ts';
import { NOTHING } from './continuation.ts';
import { callErrbacks } from './errbacks.ts';
import { sendSignature } from './send-signature.ts';
import { wholeChain, withNextStep } from './stored-rest.ts';

/** Sends what follows success (callbacks, next step) or failure (errbacks, failed rest of a chain). */
export function dispatchNext(x: Execution): Promise<void> | undefined {
  const { outcome } = x;
  if (x.continuation === NOTHING) return undefined;
  if (outcome.kind === 'success') return sendSuccessors(x, outcome.value);
  return outcome.kind === 'failure' ? afterFailure(x, outcome) : undefined;
}

async function sendSuccessors(x: Execution, value: unknown): Promise<void> {
  const { callbacks } = x.continuation;
  const args = [value ?? null];
  await Promise.all(callbacks.map(callback => sendSignature(x, callback, { args })));
  const chain = await withNextStep(x.ports.workflows, x.continuation.chain);
  const next = chain.at(-1);
  if (!next) return;
  const rest = chain.slice(0, -1);
  await sendSignature(x, next, { args, ...(rest.length > 0 && { options: { chain: rest } }) });
}

async function afterFailure(x: Execution, outcome: FailureOutcome): Promise<void> {
  const { errbacks, chain } = x.continuation;
  const { error, exception: result, traceback } = outcome;
  await callErrbacks(x, errbacks, { request: x.request, error, traceback });
  await giveUp(x, await unreachedSteps(x, chain), { status: states.FAILURE, result, traceback });
}

/** Without those of which nothing is known any more: that is no other failure of this task. */
async function unreachedSteps(x: Execution, chain: readonly SignatureData[]) {
  try {
    return await wholeChain(x.ports.workflows, chain);
  } catch (error) {
    const text = exceptionRepr(error);
    x.ports.logger.error(`Task ${label(x)}: what should have followed is not told: ${text}`);
    return [];
  }
}

/**
 * After something outside of the task's code went wrong: whoever waits for what should have followed
 * would wait for ever. Never rejects.
 *
 * @param areTold errbacks and the rest of the chain, of an earlier failure
 */
export async function tellOthers(x: Execution, areTold: boolean): Promise<void> {
  // neither is there when the message could not be read
  if (!x.continuation || !x.request) return;
  try {
    if (!areTold) await dispatchNext(x);
    await tellChord(x);
  } catch (error) {
    const text = exceptionRepr(error);
    x.ports.logger.critical(`Task ${label(x)}: what follows it was not told: ${text}`);
  }
}
