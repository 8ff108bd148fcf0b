/** How apps and tasks are recognised, also when a user's module brings its own copy of the library. */

export const APP_BRAND: unique symbol = Symbol.for('tscelery.app');
export const TASK_BRAND: unique symbol = Symbol.for('tscelery.task');

function has(value: unknown, brand: symbol): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return (value as Record<symbol, unknown>)[brand] === true;
}

export function isApp(value: unknown): value is object {
  return has(value, APP_BRAND);
}

export function isTask(value: unknown): value is object {
  return has(value, TASK_BRAND);
}
