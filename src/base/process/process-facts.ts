/** What this process, or this thread, holds; for people. */

const MIB = 1024 ** 2;

/** What keeps its event loop alive, as `Timeout 2, TCPSocketWrap 1`. */
export function heldResources(): string {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const shown = [...counts].sort().map(([name, count]) => `${name} ${count}`);
  return shown.join(', ') || 'nothing';
}

export function memoryInUse(): string {
  const { heapUsed, heapTotal, rss } = process.memoryUsage();
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  return `heap ${mib(heapUsed)} of ${mib(heapTotal)} MiB, resident ${mib(rss)} MiB`;
}
