/** Routers that settings name: `module:name`, or a dotted name as Python's settings have it. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { loadModule } from '../loading/load-module.ts';
import type { RouterEntry, TaskRoutes } from '../options/route-types.ts';

/**
 * `task_routes` with everything that was named loaded.
 *
 * @throws ImproperlyConfigured when a module cannot be loaded or does not export the name
 */
export async function loadRouters(
  routes: TaskRoutes | null,
  cwd: string = process.cwd(),
): Promise<TaskRoutes | null> {
  if (typeof routes === 'string') return (await loadRouter(routes, cwd)) as TaskRoutes;
  if (!Array.isArray(routes) || !routes.some(each => typeof each === 'string')) return routes;
  const entries = routes as readonly (RouterEntry | string)[];
  return Promise.all(
    entries.map(each => (typeof each === 'string' ? loadRouter(each, cwd) : each)),
  );
}

async function loadRouter(name: string, cwd: string): Promise<RouterEntry> {
  const [, module, attribute] =
    /^(.{2,}):([\w$]+)$/.exec(name) ?? /^(.+)\.([\w$]+)$/.exec(name) ?? [];
  if (module === undefined || attribute === undefined) {
    throw new ImproperlyConfigured(
      `task_routes: ${JSON.stringify(name)} names no router; write module:name, as in ./routers.ts:routeTask.`,
    );
  }
  const exports = await loadModule(module, cwd).catch(error => {
    throw new ImproperlyConfigured(
      `task_routes: cannot load the router ${JSON.stringify(name)}. ${(error as Error).message}`,
      { cause: error },
    );
  });
  if (Object.hasOwn(exports, attribute)) return exports[attribute] as RouterEntry;
  const names = Object.keys(exports);
  throw new ImproperlyConfigured(
    `task_routes: ${module} does not export ${JSON.stringify(attribute)}. It exports: ${names.join(', ')}.${didYouMean(attribute, names)}`,
  );
}
