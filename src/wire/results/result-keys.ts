/**
 * Names under which results lie in Redis and in every other key/value store, as Celery
 * spells them. The broker's own keys are in messaging/redis/keys.ts.
 */

/**
 * What stands before all keys of a result backend: `global_keyprefix` of
 * `result_backend_transport_options`, set off by `_` unless it brings its own separator.
 */
export function resultKeyPrefix(globalKeyprefix: unknown): string {
  if (typeof globalKeyprefix !== 'string' || globalKeyprefix === '') return '';
  return /[:_\-.]$/.test(globalKeyprefix) ? globalKeyprefix : `${globalKeyprefix}_`;
}

/** Key of a task's result, and the channel on which it is announced. */
export function taskMetaKey(taskId: string, prefix = ''): string {
  return `${prefix}celery-task-meta-${taskId}`;
}

export function groupMetaKey(groupId: string, prefix = ''): string {
  return `${prefix}celery-taskset-meta-${groupId}`;
}
