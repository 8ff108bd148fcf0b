/** What a worker serves over HTTP. */
import { type Clock, systemClock } from '../../../base/time/clock.ts';
import { type Family, METRICS_TYPE, metricsText } from '../../../process/health/metrics-text.ts';
import { type Page, textPage } from '../../../process/health/server.ts';
import type { WorkerHealth } from './worker-health.ts';

/** Seconds for which the metrics are not worked out anew, however many ask. */
const METRICS_AGE = 0.5;

export function healthPages(health: WorkerHealth): [string, () => Page][] {
  return [
    ['/live', () => answer('live', health.whyNotLive())],
    ['/ready', () => answer('ready', health.whyNotReady())],
  ];
}

function answer(word: string, whyNot: string | undefined): Page {
  return whyNot === undefined ? textPage(200, word) : textPage(503, `not ${word}: ${whyNot}`);
}

export function metricsPage(
  families: () => Iterable<Family>,
  clock: Clock = systemClock,
): [string, () => Page] {
  let page: Page | undefined;
  let madeAt = 0;
  return [
    '/metrics',
    () => {
      const now = clock.monotonic();
      if (page === undefined || now - madeAt > METRICS_AGE) {
        page = { status: 200, type: METRICS_TYPE, body: Buffer.from(metricsText(families())) };
        madeAt = now;
      }
      return page;
    },
  ];
}
