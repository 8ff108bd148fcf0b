/** What follows a run, as its message tells. */
import { readSignature } from '../../canvas/signature.ts';
import type { TaskBody } from '../../wire/messages/task-message.ts';
import type { Continuation } from '../execution.ts';

/** Shared by all runs that nothing follows, which is how they are known. */
export const NOTHING: Continuation = { callbacks: [], errbacks: [], chain: [], chord: undefined };

/** @throws InvalidTaskError for what is no signature */
export function readContinuation(body: TaskBody): Continuation {
  if (!body.callbacks && !body.errbacks && !body.chain && !body.chord) return NOTHING;
  return {
    callbacks: (body.callbacks ?? []).map(readSignature),
    errbacks: (body.errbacks ?? []).map(readSignature),
    chain: (body.chain ?? []).map(readSignature),
    chord: body.chord ? readSignature(body.chord) : undefined,
  };
}
