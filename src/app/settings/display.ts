/** Settings for people: without secrets, and as the lines of `report`. */

import { maskUrl } from '../../base/text/mask-url.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { isDict } from '../options/setting-kinds.ts';

const MASK = '********';
/** Celery's list of what a name of a secret looks like. */
const SECRET = /API|TOKEN|KEY|SECRET|PASS|PROFANITIES_LIST|SIGNATURE|DATABASE|BEAT_DBURI/i;

/** A copy in which secrets are stars, however deep they sit, since reports are made public. */
export function censor(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const censored = Object.entries(settings).map(([key, value]) => [key, censorValue(key, value)]);
  return Object.fromEntries(censored);
}

function censorValue(key: string, value: unknown): unknown {
  if (isDict(value)) return censor(value);
  if (SECRET.test(key)) return MASK;
  if (typeof value === 'string') return maskText(key, value);
  return Array.isArray(value) ? value.map(item => censorValue('', item)) : value;
}

/** `broker_transport` may hold the beginning of a broker's URL. */
function maskText(key: string, value: string): string {
  if (!/_URL$/i.test(key) || value.includes('://')) return maskUrl(value, MASK);
  const begin = 'any://';
  return maskUrl(`${begin}${value}`, MASK).slice(begin.length);
}

const WIDTH = 80; // as in Celery's report
const NO_LIMIT = { maxLength: Number.POSITIVE_INFINITY, maxDepth: 10 };

/** One `name: value` for each setting, values as Python writes them. */
export function humanize(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}: ${isDict(value) ? dictText(value) : saferepr(value, NO_LIMIT)}`)
    .join('\n');
}

function dictText(value: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(value).map(
    ([key, member]) => `${saferepr(key)}: ${saferepr(member, NO_LIMIT)}`,
  );
  const oneLine = members.join(', ');
  return `{\n    ${oneLine.length < WIDTH ? oneLine : members.join(',\n    ')}}`;
}
