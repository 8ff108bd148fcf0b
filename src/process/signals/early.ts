/**
 * Signals that come before a program handles them: without a listener most would end it, HUP and
 * a pidfile that nobody removes among them, and USR1 would open Node's debugger to whoever connects.
 */
import { type Handlers, installSignals } from './install.ts';
import { type HandledSignal, SIGNAL_TABLE } from './table.ts';

let uninstallHeld: (() => void) | undefined;
let uninstallLeave: (() => void) | undefined;
const held = new Set<HandledSignal>();

/**
 * From now on signals that mean no end wait for `installHeld`. Those of a terminal keep their meaning
 * when this process is on one.
 */
export function holdSignals(isOnTerminal: boolean): void {
  const rows = SIGNAL_TABLE.filter(
    ({ earlyExit, isTerminals }) => earlyExit === undefined && !(isTerminals && isOnTerminal),
  );
  uninstallHeld ??= installSignals(
    Object.fromEntries(rows.map(({ signal }) => [signal, () => void held.add(signal)])),
  );
}

/** From now on signals that mean the end run what is to be done when a process exits. */
export function leaveOnSignals(): void {
  const rows = SIGNAL_TABLE.flatMap(({ signal, earlyExit }) =>
    earlyExit === undefined ? [] : [[signal, () => process.exit(earlyExit)] as const],
  );
  uninstallLeave ??= installSignals(Object.fromEntries(rows));
}

/** As `installSignals`, in the place of what was there before; calls handlers of what came meanwhile. */
export function installHeld(handlers: Handlers): () => void {
  const uninstall = installSignals(handlers);
  uninstallHeld?.();
  uninstallLeave?.();
  uninstallHeld = undefined;
  uninstallLeave = undefined;
  const came = [...held];
  held.clear();
  for (const signal of came) handlers[signal]?.();
  return uninstall;
}
