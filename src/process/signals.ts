/** Which signal does what: one table for worker, beat and multi. */

export type HandledSignal = 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2' | 'SIGHUP';

/** A row without a function leaves the signal to Node's default. */
export type SignalTable = Readonly<Partial<Record<HandledSignal, () => void>>>;

/** The rows of `table`, with TERM acting as another signal when `REMAP_SIGTERM` says so. */
export function remapTerm(table: SignalTable, remap = process.env.REMAP_SIGTERM): SignalTable {
  const row = remap ? table[remap as HandledSignal] : undefined;
  return row ? { ...table, SIGTERM: row } : table;
}

/** Calls a row whenever its signal comes; returns the function that ends this. */
export function installSignals(table: SignalTable): () => void {
  const rows = Object.entries(table) as [HandledSignal, () => void][];
  for (const [signal, row] of rows) process.on(signal, row);
  return () => {
    for (const [signal, row] of rows) process.off(signal, row);
  };
}
