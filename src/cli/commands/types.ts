/** `tscelery types`: what `inspect registered` tells, as TypeScript. */
import { writeFile } from 'node:fs/promises';
import { counted } from '../../base/text/counted.ts';
import { printable } from '../../base/text/printable.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { nodesIn, reached } from '../control/remote-control.ts';
import type { TYPES_OPTIONS } from '../declarations/types.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { CommandError } from '../parsing/command-error.ts';
import { declarationFile } from '../task-types/declaration-file.ts';
import { registeredTasks } from '../task-types/registered-tasks.ts';

export async function run(invocation: Invocation<typeof TYPES_OPTIONS>): Promise<number> {
  const { globals, values } = invocation;
  const { timeout, output } = values;
  const { app } = await loadApp(globals);
  try {
    const destination = nodesIn(values.destination);
    const inspect = app.control.inspect({
      ...(timeout === undefined ? {} : { timeout }),
      ...(destination && { destination }),
    });
    const replies = Object.values(await reached('types', () => inspect.registered('params')));
    if (replies.length === 0) {
      throw new CommandError('No nodes replied within time constraint', EXIT.unavailable);
    }
    const tasks = registeredTasks(replies);
    const text = declarationFile(tasks);
    if (output === undefined) process.stdout.write(text);
    else await write(output, text, `Wrote ${counted(tasks.length, 'task')} to ${output}.`);
    return EXIT.ok;
  } finally {
    await app.close();
  }
}

async function write(file: string, text: string, done: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new CommandError(`Cannot write ${file}: ${(cause as Error).message}`, EXIT.failure, {
      cause,
    });
  }
  process.stderr.write(`${printable(done)}\n`);
}
