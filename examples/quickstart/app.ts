/** The app of the quickstart: a few tasks of different kinds, on the embedded broker. */
import { Celery } from 'tscelery';

export const app = new Celery('quickstart');

/** Plain work: the result goes back to whoever waits. */
export const add = app.task('quickstart.add', (x: number, y: number) => x + y);

/** Async work is the normal case. */
export const greet = app.task('quickstart.greet', async (name: string) => {
  await new Promise(resolve => setTimeout(resolve, 100));
  return `Hello, ${name}!`;
});

/** An error travels back to the caller. */
export const divide = app.task('quickstart.divide', (x: number, y: number) => {
  if (y === 0) throw new RangeError('division by zero');
  return x / y;
});

/** Fails twice, then works: a retry is a new message with a countdown. */
export const flaky = app.task(
  'quickstart.flaky',
  { bind: true, maxRetries: 3 },
  (self, what: string) => {
    if (self.request.retries < 2) {
      throw self.retry({ exc: new Error(`${what} is not ready`), countdown: 0.5 });
    }
    return `${what} after ${self.request.retries} retries`;
  },
);

/** Tells how far it is. */
export const crawl = app.task('quickstart.crawl', { bind: true }, async (self, pages: number) => {
  for (let page = 1; page <= pages; page++) {
    await self.sleep(0.2);
    await self.updateState({ state: 'PROGRESS', meta: { page, pages } });
  }
  return { pages };
});
