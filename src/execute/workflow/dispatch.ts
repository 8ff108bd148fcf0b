/** What a finished run sends out: callbacks and the next step of a chain, or errbacks. */
import * as states from '../../wire/results/states.ts';
import type { Execution } from '../execution.ts';
import type { FailureOutcome } from '../outcome.ts';
import { giveUp } from './chord-parts.ts';
import { NOTHING } from './continuation.ts';
import { callErrbacks } from './errbacks.ts';
import { sendSignature } from './send-signature.ts';

/** Sends what follows success (callbacks, next step) or failure (errbacks, failed rest of a chain). */
export function dispatchNext(x: Execution): Promise<void> | undefined {
  const { outcome } = x;
  if (x.continuation === NOTHING) return undefined;
  if (outcome.kind === 'success') return sendSuccessors(x, outcome.value);
  return outcome.kind === 'failure' ? afterFailure(x, outcome) : undefined;
}

async function sendSuccessors(x: Execution, value: unknown): Promise<void> {
  const { callbacks, chain } = x.continuation;
  const args = [value ?? null];
  await Promise.all(callbacks.map(callback => sendSignature(x, callback, { args })));
  const next = chain.at(-1);
  if (!next) return;
  const rest = chain.slice(0, -1);
  await sendSignature(x, next, { args, ...(rest.length > 0 && { options: { chain: rest } }) });
}

async function afterFailure(x: Execution, outcome: FailureOutcome): Promise<void> {
  const { errbacks, chain } = x.continuation;
  const { error, exception: result, traceback } = outcome;
  await callErrbacks(x, errbacks, { request: x.request, error, traceback });
  await giveUp(x, chain, { status: states.FAILURE, result, traceback });
}
