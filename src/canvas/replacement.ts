/** What runs in the place of a task that has asked for it. Celery: `Task.replace`. */
import { ImproperlyConfigured } from '../base/errors.ts';
import { freeze, type Ids, type Place } from './freeze.ts';
import { link, linkError } from './links.ts';
import { pipe } from './pipe.ts';
import { isKind, taskSignature, tasksOf, withOptions } from './shapes.ts';
import type { SignatureData } from './signature.ts';

/** What the replaced task's message said, which holds for what comes in its place. */
export interface Replaced {
  /** With its id. */
  readonly place: Place;
  readonly callbacks: readonly SignatureData[];
  readonly errbacks: readonly SignatureData[];
  /** The next step last. */
  readonly chain: readonly SignatureData[];
}

/** @throws ImproperlyConfigured for a part of a chord, and for an empty chain */
export function checkReplacement(signature: SignatureData): void {
  if (signature.options.chord != null) {
    throw new ImproperlyConfigured('A signature replacing a task must not be part of a chord.');
  }
  if (isKind(signature, 'chain') && tasksOf(signature).length === 0) {
    throw new ImproperlyConfigured('Cannot replace with an empty chain.');
  }
}

/** It ends with the id of the task, and what should have followed that one follows it. */
export function replacement(given: SignatureData, replaced: Replaced, ids: Ids): SignatureData {
  // the values of a group are the one result of the id
  const one = isKind(given, 'group') ? pipe(given, ACCUMULATE) : given;
  const called = replaced.callbacks.reduce(link, withOptions(one, { task_id: null }));
  const linked = replaced.errbacks.reduce((each, errback) => linkError(each, errback), called);
  const { signature } = freeze(linked, replaced.place, ids);
  return [...replaced.chain].reverse().reduce(pipe, signature);
}

const ACCUMULATE = taskSignature('celery.accumulate', { kwargs: { index: 0 } });
