/**
 * Periodic tasks. Start in this directory a worker, and as many beats as you like, of which one sends:
 *
 *   ../../bin/tscelery.js -A app worker --loglevel INFO
 *   ../../bin/tscelery.js -A app beat --loglevel INFO
 *
 * or both in one process: ../../bin/tscelery.js -A app worker -B --loglevel INFO
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { beatLazy, Celery, crontab } from 'tscelery';

export const app = new Celery('periodic', {
  beat_schedule: {
    // every ten seconds; one that nobody has run by then is not worth it any more
    'ping-often': { task: 'periodic.ping', schedule: 10, options: { expires: 10 } },
    // at four; when no beat ran then, as soon as one does, but not later than noon
    clean: {
      task: 'periodic.clean',
      schedule: crontab({ hour: 4, minute: 0 }),
      kwargs: { days: 7 },
      maxAge: { hours: 8 },
    },
  },
});

export const ping = app.task(function ping() {
  return 'pong';
});

export const clean = app.task('periodic.clean', ({ days }: { days: number }) => `${days} days`);

/** Longer than its interval: a run is left out while the one before goes on. */
export const crawl = app.task('periodic.crawl', async (since: string) => {
  await sleep(12_000);
  return `all since ${since}`;
});

app.addPeriodicTask(5, crawl, {
  name: 'crawl',
  args: [beatLazy(() => new Date().toISOString())],
  overlap: 'skip',
});
