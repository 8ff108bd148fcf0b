/** `{exc_type, exc_message, exc_module}`: an exception as data. */
export interface WireException {
  readonly exc_type: string;
  readonly exc_message: readonly unknown[] | string;
  readonly exc_module: string | null;
}

/** `[[id, parent tuple | null], null]` for a task, `[[id, parent], [members]]` for a group. */
export type ResultTuple = [[string, ResultTuple | null], ResultTuple[] | null];
