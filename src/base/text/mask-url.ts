/** Taking passwords out of anything that may reach a log, a report or a screen. */

import { inspect } from 'node:util';
import { isRecord } from '../kind-of.ts';
import { saferepr } from './saferepr.ts';

const SCHEME = /^\s*[a-z][a-z0-9+.-]*:\/\//i;
/** Between the URLs of a list; a password may have a `;` in it too. */
const BETWEEN_URLS = /;(?=\s*[a-z][a-z0-9+.-]*:\/\/)/i;
const SECRET_QUERY = /([?&](?:[^=&]*(?:password|secret|token|passwd|api_?key)[^=&]*)=)[^&]*/gi;

function userInfoIn(url: string): { readonly from: number; readonly to: number } | undefined {
  const from = SCHEME.exec(url)?.[0].length;
  if (from === undefined) return undefined;
  const rest = url.slice(from);
  const authority = /^[^/?#]*/.exec(rest)![0].replace(/\[[^\]]*\](?=:\d*$|$)/, '');
  // The password may go on behind a / ? or # that was not percent-encoded: better hide too much
  // than too little.
  const end = /[:@]/.test(authority) ? rest.lastIndexOf('@') : -1;
  return end < 0 ? undefined : { from, to: from + end };
}

/**
 * `url` with its password replaced by `mask` (Celery prints `**`). A list of URLs
 * (`;` between them, as in `broker_url`) is masked one by one. Text that is not a
 * URL comes back unchanged.
 */
export function maskUrl(url: string, mask = '**'): string {
  const parts = url.split(BETWEEN_URLS);
  if (parts.length > 1) return parts.map(part => maskUrl(part, mask)).join(';');
  return withoutPassword(url, mask).replace(SECRET_QUERY, `$1${mask}`);
}

function withoutPassword(url: string, mask: string): string {
  const found = userInfoIn(url);
  if (!found) return url;
  const colon = url.indexOf(':', found.from);
  if (colon < 0 || colon >= found.to) return url;
  return `${url.slice(0, colon)}:${mask}${url.slice(found.to)}`;
}

const SECRET_NAME = /pass|secret|token|(?:^|_)key(?:_|$)/i;

/**
 * A refused value in an error message, which may be logged: secrets and the insides of maps and
 * lists stay out of it.
 */
export function refusedValue(name: string, value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null && isRecord(value))
    return `a map with the keys ${Object.keys(value).join(', ') || '(none)'}`;
  if (SECRET_NAME.test(name) && value !== null) return `a ${typeof value}`;
  return saferepr(typeof value === 'string' ? maskUrl(value) : value);
}

/**
 * Replaces the passwords of `url` wherever they appear in `text` (driver error messages quote them),
 * as they stand in the URL, decoded, encoded otherwise, or in quotes.
 */
export function maskIn(text: string, url: string): string {
  const spellings = secretsIn(url).flatMap(spellingsOf);
  // one may be part of another
  spellings.sort((a, b) => b.length - a.length);
  return spellings.reduce((masked, spelling) => masked.split(spelling).join('**'), text);
}

function secretsIn(url: string): string[] {
  const found = userInfoIn(url);
  const userInfo = found ? url.slice(found.from, found.to) : '';
  const query = [...url.matchAll(SECRET_QUERY)].map(([all, name]) => all.slice(name!.length));
  return [userInfo.slice(userInfo.indexOf(':') + 1 || userInfo.length), ...query];
}

function spellingsOf(secret: string): string[] {
  const clear = orSame(decodeURIComponent, secret);
  const encoded = [encodeURIComponent, encodeURI].map(encode => orSame(encode, clear));
  const quoted = [JSON.stringify(clear), inspect(clear, { maxStringLength: null })];
  const all = [secret, clear, ...encoded, ...quoted.map(text => text.slice(1, -1))];
  const lowerCase = encoded.map(text => text.replace(/%[0-9A-F]{2}/g, code => code.toLowerCase()));
  return [...new Set([...all, ...lowerCase])].filter(text => text !== '');
}

/** A stray % is a legal, if odd, password character, and so is half a code point. */
function orSame(change: (text: string) => string, text: string): string {
  try {
    return change(text);
  } catch {
    return text;
  }
}
