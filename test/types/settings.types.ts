import type { CeleryConfig, Settings } from '../../src/index.ts';

declare const conf: Settings;

conf.broker_url satisfies string;
conf.result_backend satisfies string | null;
conf.result_expires satisfies number | null;
conf.get('accept_content') satisfies readonly string[];
conf.task_acks_late = true;
conf.update({ result_expires: { hours: 2 }, task_default_delivery_mode: 'transient' });
conf.update({
  task_routes: [[/^video\./, 'video'], name => (name === 'x' ? { queue: 'q' } : null)],
});

conf.update({
  task_routes: { a: { queue: 'q', routing_key: 'k', timeLimit: 5, retry_policy: {} } },
});
// @ts-expect-error a slip in a route
conf.update({ task_routes: { 'feed.*': { queu: 'feeds' } } });
// @ts-expect-error a slip in a list of routes
conf.update({ task_routes: [[/^feed/, { queu: 'feeds' }]] });

// @ts-expect-error a wrong name
conf.task_defualt_queue;
// @ts-expect-error a wrong type
conf.task_acks_late = 'yes';
// @ts-expect-error no null where there is always a value
conf.update({ task_default_queue: null });

({ broker_url: ['redis://a', 'redis://b'], worker_concurrency: 4 }) satisfies CeleryConfig;
// @ts-expect-error a wrong name
({ worker_concurency: 4 }) satisfies CeleryConfig;
// @ts-expect-error a wrong unit
({ result_expires: { day: 1 } }) satisfies CeleryConfig;
