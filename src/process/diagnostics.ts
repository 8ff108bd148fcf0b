/** What `kill -USR1` shows: what the process holds and waits for. */

const RULE = '='.repeat(49);

interface Report {
  javascriptHeap?: { usedMemory?: number; totalMemory?: number };
  libuv?: { type: string; is_active?: boolean }[];
}

/**
 * Text for an operator; `sections` are titled lists of lines that the caller adds. There is no
 * stack in it: a signal is handled between two turns of the event loop, where none is.
 */
export function diagnostics(
  processName: string,
  sections: Readonly<Record<string, readonly string[]>> = {},
): string {
  const report = process.report.getReport() as Report;
  const heap = report.javascriptHeap;
  const parts: [string, readonly string[]][] = [
    ['ACTIVE HANDLES', countByName(activeHandles(report))],
    ['MEMORY', heap ? [`heap ${mib(heap.usedMemory)} of ${mib(heap.totalMemory)}`] : []],
    ...Object.entries(sections),
  ];
  const body = parts.flatMap(([title, lines]) => [
    RULE,
    title,
    RULE,
    ...(lines.length > 0 ? lines.map(line => `  ${line}`) : ['  - empty -']),
  ]);
  return [`${processName} (pid ${process.pid})`, ...body, RULE, ''].join('\n');
}

function activeHandles(report: Report): string[] {
  return (report.libuv ?? []).filter(handle => handle.is_active).map(handle => handle.type);
}

function countByName(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort().map(([name, count]) => `${name}: ${count}`);
}

function mib(bytes = 0): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
