const SECONDS_PER: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** What a rate may be, for messages. */
export const RATE_WORDS = 'a rate such as "10/s", "10/m" or "10/h", or a number per second';

/**
 * Times per second from `10`, `10/s`, `10/m` or `10/h`, with spaces around it or not; 0 is no limit,
 * as in Celery.
 *
 * @throws RangeError for anything else
 */
export function perSecond(rate: string | number): number {
  const read = readRate(rate);
  if (read !== undefined) return read;
  throw new RangeError(`Invalid rate limit string: ${JSON.stringify(rate)}`);
}

/** The same; undefined for anything else. */
export function readRate(rate: unknown): number | undefined {
  if (typeof rate === 'number') return rate >= 0 && Number.isFinite(rate) ? rate : undefined;
  if (typeof rate !== 'string') return undefined;
  const match = /^\s*(\d+(?:\.\d+)?)(?:\/([smh]))?\s*$/.exec(rate);
  return match ? Number(match[1]) / SECONDS_PER[match[2] ?? 's']! : undefined;
}
