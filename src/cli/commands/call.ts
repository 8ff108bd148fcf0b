import type { ApplyOptions } from '../../app/task-options.ts';
import { EXIT } from '../../process/exit-codes.ts';
import type { Invocation } from '../command.ts';
import type { CALL_OPTIONS } from '../declarations/call.ts';
import { loadApp } from '../load-app.ts';

/** Sends a task by name; it need not be registered here. */
export async function run(invocation: Invocation<typeof CALL_OPTIONS>): Promise<number> {
  const { globals, values, words } = invocation;
  const { app } = await loadApp(globals);
  const { args = [], ...options } = values;
  try {
    const result = await app.sendTask(words[0]!, args, options satisfies ApplyOptions);
    process.stdout.write(`${result.id}\n`);
    return EXIT.ok;
  } finally {
    await app.close();
  }
}
