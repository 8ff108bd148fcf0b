/** What `kill -USR1` shows: what the process holds and waits for. */
import { heldResources, memoryInUse } from '../../base/process/process-facts.ts';

const RULE = '='.repeat(49);

/**
 * Text for an operator; `sections` are titled lists of lines that the caller adds. There is no
 * stack of this process in it: a signal is handled between two turns of the event loop, where none is.
 */
export function diagnostics(
  processName: string,
  sections: Readonly<Record<string, readonly string[]>> = {},
): string {
  const parts: [string, readonly string[]][] = [
    [
      `${processName} (pid ${process.pid})`,
      [`active handles: ${heldResources()}`, `memory: ${memoryInUse()}`],
    ],
    ...Object.entries(sections),
  ];
  const body = parts.flatMap(([title, lines]) => [
    title,
    RULE,
    ...(lines.length > 0 ? lines.map(line => `  ${line}`) : ['  - empty -']),
    RULE,
  ]);
  return ['Report asked for by SIGUSR1', RULE, ...body].join('\n');
}
