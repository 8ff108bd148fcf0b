/** Which of several broker URLs is tried next. */
import { ImproperlyConfigured } from '../base/errors.ts';
import { didYouMean } from '../base/text/nearest.ts';

/**
 * `broker_failover_strategy`: a name, or a function that makes an endless sequence of URLs (a
 * sequence that ends is begun again). Of what it yields only URLs of the list count.
 */
export type FailoverStrategy =
  | 'round-robin'
  | 'shuffle'
  | ((urls: readonly string[]) => Iterable<string>);

export interface UrlCycle<T> {
  /** The URL to try now. The first one before any `next`. */
  readonly current: T;
  /** After a failure: moves on, and returns the new `current`. */
  next(): T;
}

const STRATEGIES: readonly string[] = ['round-robin', 'shuffle'];

/**
 * The order in which URLs are tried: `round-robin` (the default) begins with the first and
 * goes round, `shuffle` takes any of them each time.
 *
 * @throws ImproperlyConfigured for an unknown strategy, or a function that chooses nothing usable
 */
export function urlCycle<T extends { readonly text: string }>(
  urls: readonly [T, ...T[]],
  strategy: FailoverStrategy | string | null = null,
): UrlCycle<T> {
  const chosen = sequence(urls, strategy ?? 'round-robin');
  let current = chosen.next().value;
  return {
    get current() {
      return current;
    },
    next: () => {
      current = chosen.next().value;
      return current;
    },
  };
}

function sequence<T extends { readonly text: string }>(
  urls: readonly [T, ...T[]],
  strategy: FailoverStrategy | string,
): Iterator<T, never> {
  if (typeof strategy === 'function') return chosenBy(urls, strategy);
  if (strategy === 'shuffle') return anyOf(urls);
  if (strategy === 'round-robin') return round(urls);
  throw new ImproperlyConfigured(
    `broker_failover_strategy: ${JSON.stringify(strategy)} is none of ${STRATEGIES.join(', ')}, nor a function.${didYouMean(String(strategy), STRATEGIES)}`,
  );
}

function* round<T>(urls: readonly T[]): Generator<T, never> {
  for (;;) yield* urls;
}

function* anyOf<T>(urls: readonly [T, ...T[]]): Generator<T, never> {
  for (;;) yield urls[Math.floor(Math.random() * urls.length)] ?? urls[0];
}

function* chosenBy<T extends { readonly text: string }>(
  urls: readonly [T, ...T[]],
  choose: (urls: readonly string[]) => Iterable<string>,
): Generator<T, never> {
  const known = new Map(urls.map(url => [url.text, url]));
  for (;;) {
    let isUsable = false;
    for (const text of choose([...known.keys()])) {
      const url = known.get(text);
      if (url === undefined) continue;
      isUsable = true;
      yield url;
    }
    if (isUsable) continue;
    throw new ImproperlyConfigured(
      'broker_failover_strategy: the function yields none of the URLs that it was given.',
    );
  }
}
