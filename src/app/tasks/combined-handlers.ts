import type { TaskHandlers } from '../../execute/handlers.ts';

export const HANDLER_NAMES: readonly (keyof TaskHandlers)[] = [
  ...(['beforeStart', 'onSuccess', 'onFailure', 'onRetry', 'afterReturn'] as const),
];

/**
 * Handlers of a task over those of its base class. Each keeps its own `this`: both may be
 * instances of classes with state.
 */
export function combinedHandlers(
  own: TaskHandlers | undefined,
  inherited: TaskHandlers | undefined,
): TaskHandlers | undefined {
  const handlers: Record<string, unknown> = {};
  for (const name of HANDLER_NAMES) {
    const owner = own?.[name] ? own : inherited;
    const handler = owner?.[name];
    if (handler) handlers[name] = handler.bind(owner as never);
  }
  return Object.keys(handlers).length === 0 ? undefined : handlers;
}
