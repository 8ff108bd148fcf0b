/**
 * The end of a chord's part: it is counted, and whoever completes the number sends the body, or
 * gives the body up when a part has failed. Celery: `on_chord_part_return`.
 */

import type { ChordPart, ChordStore } from '../../backends/contract.ts';
import { BackendStoreError } from '../../backends/errors.ts';
import { type CeleryError, isCeleryError } from '../../base/errors.ts';
import { type RetryPolicy, sleep, withRetries } from '../../base/time/backoff.ts';
import { linksOf } from '../../canvas/links.ts';
import { isKind, tasksOf } from '../../canvas/shapes.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { type ChordPlace, type UnreachedTask, unreachedTasks } from '../../canvas/unreached.ts';
import { decodeException, encodeException, exceptionRepr } from '../../wire/results/exception.ts';
import * as states from '../../wire/results/states.ts';
import { ChordError } from '../errors.ts';
import type { Execution } from '../execution.ts';
import { label } from '../label.ts';
import { directRequest } from '../request.ts';
import { outcomeMeta, unreachedMeta } from '../result-documents.ts';
import { callErrbacks } from './errbacks.ts';
import { sendSignature } from './send-signature.ts';
import { wholeBody } from './stored-rest.ts';

/** How a task ended, as its result document tells. */
export interface Ending {
  readonly status: string;
  readonly result: unknown;
  readonly traceback?: string | null;
}

/** Shorter in all than the claim of whoever sends the body (`chordLease`). */
const SENDING: RetryPolicy = {
  maxRetries: 8,
  intervalStart: 0.5,
  intervalStep: 0.5,
  intervalMax: 4,
};

/** Seconds between looks at a chord whose body somebody else should have sent. */
const LOOKS = [1, 2, 4, 8, 16, 4];

/** The end of this run, when a chord waits for it. */
export function tellChord(x: Execution): Promise<void> | undefined {
  const { outcome } = x;
  if (!x.continuation.chord || (outcome.kind !== 'success' && outcome.kind !== 'failure')) return;
  return endPart(x, outcomeMeta(x, outcome));
}

/** The same for a task that has ended without a run of its own. */
export async function endPart(x: Execution, ending: Ending): Promise<void> {
  const { group: groupId, groupIndex: index, id } = x.headers;
  const { chord: body } = x.continuation;
  if (body && groupId !== null) await countPart(x, { groupId, index, body }, id, ending);
}

/**
 * Nobody will run these tasks: each has ended as `ending` tells, for those who wait for its result
 * and for the chord that it is part of.
 */
export async function giveUp(
  x: Execution,
  signatures: readonly SignatureData[],
  ending: Ending,
): Promise<void> {
  if (!x.ports.storesResults) return;
  const tasks = signatures.flatMap(signature => unreachedTasks(signature));
  await Promise.all(tasks.map(task => giveUpTask(x, task, ending)));
}

async function giveUpTask(x: Execution, task: UnreachedTask, ending: Ending): Promise<void> {
  const { id, replyTo, chord } = task;
  await x.ports.store(unreachedMeta(x, id, ending), replyTo ?? x.headers.replyTo);
  if (chord) await countPart(x, chord, id, ending);
}

async function countPart(
  x: Execution,
  place: ChordPlace,
  taskId: string,
  { status, result }: Ending,
): Promise<void> {
  const chords = x.ports.workflows?.chords;
  // there somebody looks from time to time
  if (!chords) return;
  const part = { taskId, index: place.index, status, result };
  const tell = () => chords.addPart(place.groupId, part);
  try {
    const parts = (await tell()) ?? (await afterOthers(x, chords, place, tell));
    if (!parts) return;
    await complete(x, place, parts);
  } catch (error) {
    // all are counted, and one of them is nothing that anybody could have told
    if (!isCeleryError(error, 'BACKEND_GET')) throw error;
    const failure = new ChordError(`A part cannot be read: ${error.message}`, { cause: error });
    const body = await wholeBody(x.ports.workflows, place.body).catch(() => place.body);
    await failBody(x, body, failure, encodeException(failure));
  }
  await chords.close(place.groupId);
}

/**
 * A part that may have been told before: whoever was told that it was the last one may be gone, so
 * its claim is waited for.
 */
async function afterOthers(
  x: Execution,
  chords: ChordStore,
  { groupId }: ChordPlace,
  tell: () => Promise<readonly ChordPart[] | undefined>,
): Promise<readonly ChordPart[] | undefined> {
  if (!x.source.redelivered && !x.isLost) return undefined;
  for (const pause of LOOKS) {
    const progress = await chords.progress(groupId);
    if (progress?.size === undefined || progress.parts.length < progress.size) return undefined;
    await sleep(pause, x.ports.clock);
    const parts = await tell();
    if (parts) return parts;
  }
  return undefined;
}

/** With all parts there: send the body, or give it up when one has failed. */
export async function complete(
  x: Execution,
  { groupId, body: carried }: ChordPlace,
  parts: readonly ChordPart[],
): Promise<void> {
  let body = carried;
  try {
    body = await wholeBody(x.ports.workflows, carried);
    const failed = parts.find(part => part.status !== states.SUCCESS);
    if (failed) return failBody(x, body, dependencyError(failed), failed.result);
    const values = await valuesOf(x, groupId, parts);
    await withRetries(() => sendSignature(x, body, { args: [values] }), SENDING, {
      isRetryable: error => (error as CeleryError).recoverable === true,
    });
  } catch (error) {
    if (isCeleryError(error, 'CONNECTION_CLOSED')) throw notSent(x, body, error);
    const failure = new ChordError(`Callback error: ${exceptionRepr(error)}`, { cause: error });
    await failBody(x, body, failure, encodeException(failure));
  }
}

/** The worker stops: with late acks the message of the part goes back, and another one sends the body. */
function notSent({ headers }: Execution, { task }: SignatureData, cause: Error): BackendStoreError {
  const message = `The body of the chord, ${task}, could not be sent: ${cause.message}`;
  return new BackendStoreError(message, { taskId: headers.id, state: '', cause });
}

function dependencyError({ taskId, result }: ChordPart): ChordError {
  const cause = decodeException(result);
  return new ChordError(`Dependency ${taskId} raised ${exceptionRepr(cause)}`, { cause });
}

/** In the order of the header; a header with groups of its own was saved, since their values are lists. */
async function valuesOf(x: Execution, groupId: string, parts: readonly ChordPart[]) {
  const values = new Map(parts.map(part => [part.taskId, part.result]));
  const saved = await x.ports.workflows?.fetchGroup(groupId);
  const [, members] = (Array.isArray(saved) ? saved : []) as [unknown?, unknown?];
  const arranged = arrange(members, values);
  // those that came later (`addToChord`) follow
  return arranged ? [...arranged, ...values.values()] : parts.map(part => part.result);
}

/** Takes the values out; undefined when one is missing. */
function arrange(members: unknown, values: Map<string, unknown>): unknown[] | undefined {
  if (!Array.isArray(members)) return undefined;
  const arranged: unknown[] = [];
  for (const member of members as [[string, unknown], unknown][]) {
    const [[id], inner] = member;
    const value = Array.isArray(inner) ? arrange(inner, values) : values.get(id);
    if (value === undefined) return undefined;
    values.delete(id);
    arranged.push(value);
  }
  return arranged;
}

/** Those who wait for a group get what caused it, as in Celery; its members have errbacks each. */
async function failBody(
  x: Execution,
  body: SignatureData,
  error: ChordError,
  cause: unknown,
): Promise<void> {
  x.ports.logger.error(`Chord of ${label(x)}: ${body.task} will not run: ${error.message}`);
  const isGroup = isKind(body, 'group');
  const failed = isGroup ? tasksOf(body) : [body];
  for (const each of failed) {
    const { task, args, options } = each;
    const request = directRequest(task, String(options.task_id), args, x.request);
    await callErrbacks(x, linksOf(each, 'link_error'), { request, error, traceback: '' });
  }
  const result = isGroup ? cause : encodeException(error);
  await giveUp(x, [body], { status: states.FAILURE, result });
}
