/** Handlers for the signals of the table. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { signalName, signalNamed } from '../../base/process/signal-names.ts';
import { type HandledSignal, SIGNAL_TABLE, type SignalAction } from './table.ts';

/** A row without a function leaves the signal to Node's default. */
export type Handlers = Readonly<Partial<Record<HandledSignal, () => void>>>;

/** Handlers for those actions that the program has. On a terminal some signals are the terminal's. */
export function handlersOf(
  actions: Readonly<Partial<Record<SignalAction, () => void>>>,
  isOnTerminal = false,
): Handlers {
  const rows = SIGNAL_TABLE.flatMap(({ signal, action, isTerminals }) => {
    const handler = isTerminals && isOnTerminal ? undefined : actions[action];
    return handler ? [[signal, handler] as const] : [];
  });
  return Object.fromEntries(rows);
}

/** The same, with TERM acting as another signal when `REMAP_SIGTERM` says so. */
export function remapTerm(handlers: Handlers, remap = remappedTerm()): Handlers {
  const handler = remap && handlers[remap];
  return handler ? { ...handlers, SIGTERM: handler } : handlers;
}

/**
 * What TERM is to act as. Celery knows only SIGQUIT there.
 *
 * @throws ImproperlyConfigured for what is no signal that a program like this one handles
 */
export function remappedTerm(value = process.env.REMAP_SIGTERM): HandledSignal | undefined {
  if (!value) return undefined;
  const known: readonly string[] = SIGNAL_TABLE.map(({ signal }) => signal);
  const found = signalName.accepts(value) ? signalNamed(value) : undefined;
  if (found && known.includes(found)) return found as HandledSignal;
  const hint = found ? '' : signalName.hint?.(value);
  throw new ImproperlyConfigured(
    `REMAP_SIGTERM must be one of ${known.join(', ')}, got ${JSON.stringify(value)}.${hint}`,
  );
}

/** Calls a handler whenever its signal comes; returns the function that ends this. */
export function installSignals(handlers: Handlers): () => void {
  const rows = Object.entries(handlers) as [HandledSignal, () => void][];
  for (const [signal, handler] of rows) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of rows) process.off(signal, handler);
  };
}
