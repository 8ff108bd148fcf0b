import { EXIT } from '../../process/exit-codes.ts';
import type { PURGE_OPTIONS } from '../declarations/purge.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { wantsColor } from '../terminal/color.ts';
import { confirm } from '../terminal/confirm.ts';

/** Deletes what waits in queues, after asking. */
export async function run(invocation: Invocation<typeof PURGE_OPTIONS>): Promise<number> {
  const { globals, values } = invocation;
  const { app } = await loadApp(globals);
  try {
    const excluded = new Set(values.excludeQueues);
    const known = values.queues ?? app.queues.names;
    const names = [...new Set(known)].filter(name => !excluded.has(name)).sort();
    if (names.length === 0) return EXIT.ok;
    if (!values.force && !(await confirmed(names, wantsColor(globals)))) {
      process.stderr.write('Aborted!\n');
      return EXIT.failure;
    }
    process.stdout.write(`${outcome(await app.control.purge({ queues: names }), names.length)}\n`);
    return EXIT.ok;
  } finally {
    await app.close();
  }
}

function confirmed(names: readonly string[], color: boolean): Promise<boolean> {
  return confirm(
    `This will remove all tasks from ${plural(names.length, 'queue')}: ${names.join(', ')}.`,
    'Are you sure you want to delete all tasks?',
    { color },
  );
}

function outcome(messages: number, queues: number): string {
  if (messages === 0) return `No messages purged from ${queues} ${plural(queues, 'queue')}.`;
  return `Purged ${messages} ${plural(messages, 'message')} from ${queues} known task ${plural(queues, 'queue')}.`;
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`;
}
