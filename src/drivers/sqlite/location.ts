/** Which file an SQLAlchemy URL for SQLite means. Shared by the broker and the result backend. */

import { ImproperlyConfigured } from '../../base/errors.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { isSeconds, secondsHint } from '../../base/time/seconds.ts';

export interface SqliteLocation {
  /** A path as written (relative to the working directory unless absolute), or `:memory:`. */
  readonly path: string;
  /** Seconds to wait for another process's lock; pysqlite's `timeout`. */
  readonly timeout: number;
  readonly readOnly: boolean;
}

export const MEMORY = ':memory:';
/** As in Python's sqlite3. */
const DEFAULT_TIMEOUT = 5;

/** Options of SQLAlchemy's URL that mean something only to Python are accepted and ignored. */
const OPTIONS = [
  'timeout',
  'mode',
  'uri',
  'check_same_thread',
  'isolation_level',
  'detect_types',
  'cached_statements',
  'cache',
  'charset',
];

const URL_PATTERN =
  /^(?:(?:sqla|sqlalchemy|db)\+)?sqlite(?:\+\w+)?:\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/is;

/**
 * `sqla+sqlite:///relative.db`, `sqla+sqlite:////absolute.db`, `sqla+sqlite://` (in memory);
 * `db+sqlite` and plain `sqlite` likewise. The path is taken literally, as SQLAlchemy does:
 * percent signs are not decoded. Throws ImproperlyConfigured.
 */
export function parseSqliteUrl(url: string): SqliteLocation {
  const match = URL_PATTERN.exec(url.trim());
  if (match?.[1] !== '') {
    throw new ImproperlyConfigured(
      `${JSON.stringify(maskUrl(url))} is not a URL of an SQLite database: write sqlite:///relative/file.db ` +
        '(three slashes), sqlite:////absolute/file.db (four) or sqlite:// (in memory).',
    );
  }
  const query = new URLSearchParams(match[3] ?? '');
  for (const name of query.keys()) {
    if (OPTIONS.includes(name)) continue;
    throw new ImproperlyConfigured(
      `Unknown option ${JSON.stringify(name)} in the SQLite URL ${JSON.stringify(url)}.${didYouMean(name, OPTIONS) || ` There are ${OPTIONS.join(', ')}.`}`,
    );
  }
  refuseMode(query.get('mode'), url);
  const path = (match[2] ?? '').replace(/^file:/, '');
  return {
    path: path === '' ? MEMORY : path,
    timeout: seconds(query.get('timeout'), url),
    readOnly: query.get('mode') === 'ro',
  };
}

export function isSqliteMemory(url: string): boolean {
  return URL_PATTERN.test(url.trim()) && parseSqliteUrl(url).path === MEMORY;
}

function refuseMode(mode: string | null, url: string): void {
  if (mode === null || mode === 'ro' || mode === 'rwc') return;
  throw new ImproperlyConfigured(
    `mode=${mode} in the SQLite URL ${JSON.stringify(url)} should be ro (only read) or rwc (the default).`,
  );
}

function seconds(text: string | null, url: string): number {
  if (text === null) return DEFAULT_TIMEOUT;
  const value = Number(text);
  if (text.trim() !== '' && isSeconds(value)) return value;
  throw new ImproperlyConfigured(
    `timeout=${text} in the SQLite URL ${JSON.stringify(url)} is not a number of seconds.${secondsHint(value)}`,
  );
}
