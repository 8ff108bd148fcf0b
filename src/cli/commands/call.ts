import type { Celery } from '../../app/app.ts';
import type { ApplyOptions } from '../../app/options/task-options.ts';
import { EXIT } from '../../process/exit-codes.ts';
import type { CALL_OPTIONS } from '../declarations/call.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { UsageError } from '../parsing/command-error.ts';

/** Sends a task by name; it need not be registered here. */
export async function run(invocation: Invocation<typeof CALL_OPTIONS>): Promise<number> {
  const { globals, values, words } = invocation;
  const { app } = await loadApp(globals);
  const { args = [], ...options } = values;
  try {
    const result = await send(app, words[0]!, args, options);
    process.stdout.write(`${result.id}\n`);
    return EXIT.ok;
  } finally {
    await app.close();
  }
}

async function send(app: Celery, name: string, args: unknown[], options: ApplyOptions) {
  try {
    return await app.sendTask(name, args, options);
  } catch (error) {
    // what calls in code throw for options that make no sense was typed by a person here
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw new UsageError(error.message, { command: 'call' });
  }
}
