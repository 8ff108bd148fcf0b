/** `{exc_type, exc_message, exc_module}`: an exception as data. */
export interface WireException {
  readonly exc_type: string;
  readonly exc_message: readonly unknown[] | string;
  readonly exc_module: string | null;
}

/** `[[id, parent tuple | null], null]` for a task, `[[id, parent], [members]]` for a group. */
export type ResultTuple = [[string, ResultTuple | null], ResultTuple[] | null];

/**
 * Ids of the tasks that a result tuple names, those of groups in their order; also of the text that
 * older versions of Celery send. Undefined for what names none.
 */
export function taskIdsIn(tuple: unknown): string[] | undefined {
  if (typeof tuple === 'string') return [tuple];
  const [head, members]: unknown[] = Array.isArray(tuple) ? tuple : [];
  if (Array.isArray(members)) {
    const ids = members.map(taskIdsIn);
    return ids.includes(undefined) ? undefined : ids.flatMap(each => each!);
  }
  const id: unknown = Array.isArray(head) ? head[0] : head;
  return typeof id === 'string' ? [id] : undefined;
}
