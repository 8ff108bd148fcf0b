/**
 * One value for the whole process, whatever number of copies of this library is loaded: a
 * user's module may bring its own.
 */
export function processWide<T>(name: string, make: () => T): T {
  const key = Symbol.for(`tscelery.${name}`);
  const shared = globalThis as Record<symbol, unknown>;
  shared[key] ??= make();
  return shared[key] as T;
}
