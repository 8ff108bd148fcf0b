/**
 * The TypeScript half of a fleet; fleet.py is the other one. Both read celeryconfig.json.
 *
 *   ../../bin/tscelery.js -A app worker --loglevel INFO --queues celery,node
 */
import { Celery } from 'tscelery';

export const app = new Celery('shop');

/** In both halves under one name: whichever worker is free takes it. */
export const price = app.task('shop.price', (article: string, quantity: number = 1) => ({
  article,
  cents: article.length * 100 * quantity,
  computedBy: 'TypeScript',
}));

/** Only here. Python callers name its arguments. */
export const sendMail = app.task(
  'mail.send',
  async (to: string, { subject }: { subject: string }) => {
    return `sent "${subject}" to ${to}`;
  },
);

/** Only in Python: no code here, but a type. */
export const render = app.remoteTask<(title: string, rows: number[]) => string>('reports.render');
