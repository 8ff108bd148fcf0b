/** What follows a signature, whatever kind it is: callbacks after success, errbacks after failure. */
import { isDeepStrictEqual } from 'node:util';
import {
  bodyOf,
  headerOf,
  isKind,
  tasksOf,
  withBody,
  withHeader,
  withOptions,
  withTasks,
} from './shapes.ts';
import type { SignatureData } from './signature.ts';

export function linksOf({ options }: SignatureData, name: 'link' | 'link_error') {
  const given = options[name];
  if (given === undefined || given === null) return [];
  return (Array.isArray(given) ? given : [given]) as readonly SignatureData[];
}

/** One that is there already is not there twice. */
function addTo(signature: SignatureData, name: 'link' | 'link_error', added: SignatureData) {
  const known = linksOf(signature, name);
  if (known.some(each => isDeepStrictEqual(each, added))) return signature;
  return withOptions(signature, { [name]: [...known, added] });
}

const immutable = (signature: SignatureData): SignatureData => ({ ...signature, immutable: true });

/** Takes no arguments any more: of a group its members, of a chord those of its header, as in Celery. */
export function asImmutable(signature: SignatureData): SignatureData {
  if (isKind(signature, 'group')) {
    return withTasks(signature, tasksOf(signature).map(asImmutable));
  }
  if (!isKind(signature, 'chord')) return immutable(signature);
  return withHeader(signature, headerOf(signature).map(asImmutable));
}

/** What is called after success, and after that. */
export function flatLinks(signature: SignatureData): readonly SignatureData[] {
  return linksOf(signature, 'link').flatMap(each => [each, ...flatLinks(each)]);
}

/**
 * Called with the result. As in Celery, a group has it after its first task, without the result,
 * and a chord after its body.
 */
export function link(signature: SignatureData, callback: SignatureData): SignatureData {
  if (isKind(signature, 'chord')) return withBody(signature, link(bodyOf(signature), callback));
  if (!isKind(signature, 'group')) return addTo(signature, 'link', callback);
  const [first, ...others] = tasksOf(signature);
  if (first === undefined) return signature;
  return withTasks(signature, [link(first, immutable(callback)), ...others]);
}

export interface LinkErrorOptions {
  /** `task_allow_error_cb_on_chord_header`: the parts of a chord's header have it, too. */
  readonly alsoHeaders?: boolean;
}

/** Called when it fails: each member of a group has it, and the body of a chord. */
export function linkError(
  signature: SignatureData,
  errback: SignatureData,
  options: LinkErrorOptions = {},
): SignatureData {
  const linked = (each: SignatureData) => linkError(each, errback, options);
  if (isKind(signature, 'group')) return withTasks(signature, tasksOf(signature).map(linked));
  if (!isKind(signature, 'chord')) return addTo(signature, 'link_error', errback);
  const chord = withBody(signature, linked(bodyOf(signature)));
  if (!options.alsoHeaders) return chord;
  const header = headerOf(signature).map(each => linkError(each, immutable(errback), options));
  return withHeader(chord, header);
}
