/**
 * What a task can be. Start a worker for both queues in this directory:
 *
 *   ../../bin/tscelery.js -A app worker --loglevel INFO --queues celery,feeds
 */
import { Celery } from 'tscelery';

export const app = new Celery('basics');

/** The name is derived: `basics.add`. */
export const add = app.task(function add(x: number, y: number = 10) {
  return x + y;
});

/**
 * Keyword arguments reach parameters by name, and the keys of a trailing object. From Python:
 * `app.send_task('basics.resize', kwargs={'file': 'a.png', 'width': 80})`.
 */
export const resize = app.task(
  'basics.resize',
  (file: string, { width, height = width }: { width: number; height?: number }) =>
    `${file} is ${width} x ${height} now`,
);

class NotFound extends Error {
  override readonly name = 'NotFound';
}

/**
 * Tries again with growing pauses when the network fails. An error of `throws` is part of the
 * work: the task fails, but the log has no stack.
 */
export const download = app.task(
  'basics.download',
  { bind: true, maxRetries: 4, throws: [NotFound] },
  async (self, url: string) => {
    if (url.endsWith('/nothing')) throw new NotFound(url);
    const { retries } = self.request;
    if (url.endsWith('/busy') && retries < 2) {
      throw self.retry({ exc: new Error('503'), countdown: 0.1 * 2 ** retries });
    }
    return { url, tries: retries + 1 };
  },
);

/** Shows its progress, and stops early when its time is nearly up. */
export const importRows = app.task('basics.import', { bind: true }, async (self, rows: number) => {
  for (let done = 0; done < rows; done += 10) {
    if (self.signal.aborted) return { done, complete: false };
    await self.updateState({ state: 'PROGRESS', meta: { done, rows } });
    await self.sleep(0.05).catch(() => {}); // throws when the soft time limit passes
  }
  return { done: rows, complete: true };
});

/** Acknowledged after the run: when its worker dies, another one runs it again. */
export const charge = app.task(
  'basics.charge',
  { acksLate: true, rejectOnWorkerLost: true },
  async (account: string, cents: number) => ({ account, cents }),
);

/** Goes to the queue `feeds` (see celeryconfig.ts), and sends more tasks. */
export const refreshAll = app.task('feeds.refreshAll', async (urls: string[]) => {
  const results = await Promise.all(urls.map(url => refresh.delay(url)));
  return results.map(result => result.id);
});

export const refresh = app.task('feeds.refresh', { bind: true }, (self, url: string) => {
  const { deliveryInfo, parentId } = self.request;
  return { url, queue: deliveryInfo.routing_key, sentByTask: parentId !== null };
});
