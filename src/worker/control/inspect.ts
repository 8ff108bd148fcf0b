import type { TaskDefinition } from '../../app/tasks/definition.ts';
import { camelCase } from '../../base/text/case.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { ScheduledTask, TaskInfo } from '../../control/replies.ts';
import { toIso } from '../../wire/dates.ts';
import type { WorkerParts } from '../assembly.ts';
import type { Request } from '../request.ts';
import { type Handler, texts } from './handler.ts';
import { queueInfo } from './queue-info.ts';
import { RESERVED, taskInfo } from './task-info.ts';

/** Celery's number for tasks that wait for their time. */
const SCHEDULED_PRIORITY = 6;
const DEFAULT_ATTRIBUTES = ['exchange', 'routing_key', 'rate_limit'];

export const INSPECT_HANDLERS = {
  ping: () => ({ ok: 'pong' }),

  active: (worker, { safe }) =>
    requests(worker, ({ state }) => state === 'active').map(infoOf(worker, Boolean(safe))),

  reserved: worker => requests(worker, ({ state }) => RESERVED.has(state)).map(infoOf(worker)),

  scheduled(worker) {
    const describe = infoOf(worker);
    return requests(worker, ({ state }) => state === 'scheduled')
      .sort((a, b) => a.headers.eta! - b.headers.eta!)
      .map(
        (request): ScheduledTask => ({
          eta: toIso(request.headers.eta!, worker.execution.zone),
          priority: SCHEDULED_PRIORITY,
          request: describe(request),
        }),
      );
  },

  revoked: ({ revoked }) => revoked.ids(),

  query_task(worker, { ids }) {
    const describe = infoOf(worker);
    const found = texts(ids).flatMap(id => worker.state.requests.withId(id) ?? []);
    return Object.fromEntries(
      found.map(request => [request.id, [placeOf(request), describe(request)]]),
    );
  },

  registered({ app, rateLimits }, { taskinfoitems, builtins }) {
    const given = texts(taskinfoitems);
    const attributes = given.length > 0 ? given : DEFAULT_ATTRIBUTES;
    return [...app.tasks.values()]
      .filter(({ name }) => builtins || !name.startsWith('celery.'))
      .filter(({ definition }) => !definition.isRemote)
      .map(({ name, definition }) => {
        const options = {
          ...optionsOf(definition),
          ...(rateLimits && { rateLimit: rateLimits.current(definition) }),
        };
        return `${name}${attributesText(options, attributes)}`;
      })
      .sort();
  },

  active_queues: ({ link }) => link.queues.map(queueInfo),

  conf: ({ app }, { with_defaults }) => app.conf.table({ withDefaults: Boolean(with_defaults) }),

  clock: ({ lamport }) => ({ clock: lamport.value }),
} satisfies Record<string, Handler>;

function infoOf({ hostname, execution }: WorkerParts, safe = false) {
  return (request: Request): TaskInfo =>
    taskInfo(request, { hostname, accept: execution.accept, safe });
}

function requests({ state }: WorkerParts, isMeant: (request: Request) => boolean): Request[] {
  return [...state.requests].filter(isMeant);
}

function placeOf({ state }: Request): 'active' | 'reserved' | 'ready' {
  if (state === 'active') return 'active';
  return RESERVED.has(state) ? 'reserved' : 'ready';
}

function optionsOf(task: TaskDefinition): Readonly<Record<string, unknown>> {
  const { maxRetries, defaultRetryDelay, parameterTexts } = task;
  // as JSON, for programs that make types of it
  const params = parameterTexts && JSON.stringify(parameterTexts);
  return { ...task.options, ...task.resolved, maxRetries, defaultRetryDelay, params };
}

/** ` [rate_limit=10/m max_retries=3]`: those of the attributes that the task has. */
function attributesText(
  options: Readonly<Record<string, unknown>>,
  attributes: readonly string[],
): string {
  const shown = attributes.flatMap(attribute => {
    const value = options[camelCase(attribute)];
    if (value === undefined || value === null) return [];
    return `${attribute}=${typeof value === 'string' ? value : saferepr(value)}`;
  });
  return shown.length > 0 ? ` [${shown.join(' ')}]` : '';
}
