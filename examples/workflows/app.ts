/**
 * Two workflows of Celery's user guide: pictures that are resized in several widths, and feeds that are
 * imported. Start a worker in this directory, and then client.ts:
 *
 *   ../../bin/tscelery.js -A app worker
 *   npx jiti client.ts
 *
 * Broker and results are those of CELERY_BROKER_URL and CELERY_RESULT_BACKEND: RabbitMQ, Redis
 * or, when neither is set, a file.
 */
import { Celery, chain, chord, group } from 'tscelery';

export const app = new Celery('workflows', {
  broker_url: process.env.CELERY_BROKER_URL ?? 'sqla+sqlite:///celery.sqlite',
  result_backend: process.env.CELERY_RESULT_BACKEND ?? 'db+sqlite:///celery.sqlite',
});

export interface Picture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

// --- Pictures: download once, resize side by side, publish when all sizes are there.

export const download = app.task('pictures.download', async (url: string): Promise<Picture> => {
  const name = url.slice(url.lastIndexOf('/') + 1);
  if (!name.includes('.')) throw new RangeError(`${url} is no picture`);
  return { name, width: 1200, height: 800 };
});

export const resize = app.task('pictures.resize', (picture: Picture, width: number): Picture => {
  return { ...picture, width, height: Math.round((picture.height * width) / picture.width) };
});

export const publish = app.task('pictures.publish', (sizes: Picture[]): string =>
  sizes.map(({ name, width, height }) => `${name}: ${width} x ${height}`).join(', '),
);

/** An error callback with more than one parameter runs in the worker where the task failed. */
export const giveUp = app.task(
  'pictures.giveUp',
  (request: { id: string }, error: Error, _traceback: string) => {
    console.warn(`No picture from ${request.id}: ${error.message}`);
  },
);

export const picture = (url: string, widths: readonly number[]) =>
  chain(download.s(url), group(widths.map(width => resize.s(width))), publish.s()).linkError(
    giveUp.s(),
  );

// --- Feeds: each is fetched and its entries are stored in chunks; then a summary of all is written.

export const fetchFeed = app.task('feeds.fetch', async (url: string): Promise<string[]> => {
  const count = url.length;
  return Array.from({ length: count }, (_, i) => `${url}#${i + 1}`);
});

/** Decides, once it knows the entries, that a workflow does the rest in its place. */
export const store = app.task('feeds.store', { bind: true }, (self, entries: string[]): number => {
  const parts: string[][] = [];
  for (let at = 0; at < entries.length; at += 5) parts.push(entries.slice(at, at + 5));
  throw self.replace(
    chord(
      parts.map(part => storePart.si(part)),
      total.s(),
    ),
  );
});

export const storePart = app.task('feeds.storePart', (entries: string[]) => entries.length);

export const total = app.task('feeds.total', (counts: number[]) =>
  counts.reduce((sum, count) => sum + count, 0),
);

export const summary = app.task(
  'feeds.summary',
  (counts: number[], day: string) => `${day}: ${counts.join(' + ')} entries`,
);

export const importFeeds = (urls: readonly string[], day: string) =>
  chord(
    urls.map(url => chain(fetchFeed.s(url), store.s())),
    summary.s(day),
  );
