/**
 * Sends to all the queues of app.ts. With its first two workers running, in this directory:
 *
 *   npx jiti client.ts
 */
import { Unroutable, workerDirect } from 'tscelery';
import { app, invoice, news, refresh, reload, resize, store, whoAmI } from './app.ts';

const wait = { timeout: 60 };

// A glob of task_routes.
console.log('glob:', await (await refresh.delay('a.xml')).get(wait));

// A function of task_routes, which looks at the arguments.
console.log(
  'function:',
  await (await invoice.applyAsync([], { kwargs: { customer: 'big' } })).get(wait),
);

// A topic exchange: the archive takes everything, the sports desk some.
await store.applyAsync(['tennis'], { exchange: news, routingKey: 'feed.sports.tennis' });
await store.applyAsync(['chess'], { exchange: news, routingKey: 'feed.chess' });
await store.applyAsync(['weather'], { exchange: news, routingKey: 'feed.weather.today' });

// Nobody wants this one, and `mandatory` says so.
const unwanted = { exchange: news, routingKey: 'gossip', mandatory: true };
const error = await store.applyAsync(['gossip'], unwanted).catch((reason: unknown) => reason);
console.log('mandatory:', error instanceof Unroutable ? error.name : error);

// To every worker that has the queue `everyone`.
await reload.delay();

// To one worker.
const direct = await whoAmI.applyAsync([], { queue: workerDirect('two@example') });
console.log('direct:', await direct.get(wait));

// A RegExp of task_routes leads to `media`, where nobody works yet.
const [low, normal, high] = [
  await resize.applyAsync([], { priority: 'low' }),
  await resize.delay(),
  await resize.applyAsync([], { priority: 'high' }),
];
console.log('priorities: start the third worker');
const order = await Promise.all([low, normal, high].map(result => result.get(wait)));
console.log('low, normal and high ran as number', order.join(', '));

await app.close();
