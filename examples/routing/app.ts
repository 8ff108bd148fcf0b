/**
 * Where tasks go. Start these workers in this directory, and a third one when client.ts says so:
 *
 *   ../../bin/tscelery.js -A app worker -n one@example -Q feeds,archive,everyone
 *   ../../bin/tscelery.js -A app worker -n two@example -Q sports,everyone
 *   ../../bin/tscelery.js -A app worker -n three@example -Q media -c 1
 *
 * Broker and results are those of CELERY_BROKER_URL and CELERY_RESULT_BACKEND: RabbitMQ, Redis
 * or, when neither is set, a file.
 */
import { binding, broadcast, Celery, exchange, queue, type RouteFunction } from 'tscelery';

/** What is sent to it goes to every queue with a matching binding. */
export const news = exchange('news', 'topic');

/** Customers who pay get a queue of their own. Undefined leaves the call to the next router. */
const byCustomer: RouteFunction = (_name, _args, kwargs) =>
  kwargs.customer === 'big' ? { queue: 'feeds', priority: 'high' } : undefined;

export const app = new Celery('routing', {
  task_queues: [
    queue('celery'),
    queue('feeds'),
    // RabbitMQ knows priorities only where a largest one is declared.
    queue('media', { maxPriority: 9 }),
    queue('archive', { exchange: news, routingKey: 'feed.#' }),
    queue('sports', { bindings: [binding(news, 'feed.sports.*'), binding(news, 'feed.chess')] }),
    // Every worker gets its own copy.
    broadcast('everyone'),
  ],
  task_routes: [
    byCustomer,
    { 'feeds.*': 'feeds', 'everyone.*': 'everyone' },
    [[/^(video|image)\./, { queue: 'media', priority: 'normal' }]],
  ],
  // Each worker has a queue that only it consumes, too.
  worker_direct: true,
});

export const refresh = app.task('feeds.refresh', { bind: true }, (self, url: string) => {
  return `${url} on ${self.request.deliveryInfo.routing_key}`;
});

export const invoice = app.task('billing.invoice', { bind: true }, (self, customer: string) => {
  return `${customer} on ${self.request.deliveryInfo.routing_key}`;
});

let runs = 0;
/** Returns how many of its kind ran before in this process. */
export const resize = app.task('image.resize', () => runs++);

export const store = app.task(
  'news.store',
  { bind: true, ignoreResult: true },
  (self, item: string) => {
    console.log(`${self.request.hostname} stores ${item}`);
  },
);

export const reload = app.task('everyone.reload', { bind: true, ignoreResult: true }, self => {
  console.log(`${self.request.hostname} reloads`);
});

export const whoAmI = app.task('node.name', { bind: true }, self => self.request.hostname);
