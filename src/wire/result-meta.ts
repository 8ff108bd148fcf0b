/** The stored result document: fields and their order are those of Celery's `meta`. */

/** `{exc_type, exc_message, exc_module}`: an exception as data. */
export interface WireException {
  readonly exc_type: string;
  readonly exc_message: readonly unknown[] | string;
  readonly exc_module: string | null;
}

/** `[[id, parent tuple | null], null]` for a task, `[[id, parent], [members]]` for a group. */
export type ResultTuple = [[string, ResultTuple | null], ResultTuple[] | null];

export interface ResultMeta {
  readonly task_id: string;
  readonly status: string;
  /** The return value; for RETRY, FAILURE and REVOKED a WireException. */
  readonly result: unknown;
  readonly traceback: string | null;
  /** Result tuples of the tasks that this one published. */
  readonly children: readonly unknown[] | null;
  /** ISO 8601; null for states that are not final. */
  readonly date_done: string | null;
  readonly group_id?: string | undefined;
  readonly parent_id?: string | undefined;
  // with result_extended
  readonly name?: string | undefined;
  readonly args?: unknown;
  readonly kwargs?: unknown;
  readonly worker?: string | undefined;
  readonly retries?: number | undefined;
  readonly queue?: string | null | undefined;
}
