import type { Celery } from '../../app/app.ts';
import type { AsyncResult } from '../../app/async-result.ts';
import { didYouMean } from '../../base/nearest.ts';
import { saferepr } from '../../base/saferepr.ts';
import { EXIT } from '../../process/exit-codes.ts';
import type { Invocation } from '../command.ts';
import { CommandError } from '../command-error.ts';
import type { RESULT_OPTIONS } from '../command-table.ts';
import { loadApp } from '../load-app.ts';

/** Waits for a result and prints it, or what the task failed with. */
export async function run(invocation: Invocation<typeof RESULT_OPTIONS>): Promise<number> {
  const { globals, values, words } = invocation;
  const { app } = await loadApp(globals);
  try {
    if (values.task !== undefined) await requireTask(app, values.task);
    const result = app.AsyncResult(words[0]!);
    if (values.traceback) return await printTraceback(result);
    return await printValue(result, values.timeout);
  } finally {
    await app.close();
  }
}

async function requireTask(app: Celery, name: string): Promise<void> {
  await app.importModules();
  if (app.tasks.has(name)) return;
  throw new CommandError(
    `Task '${name}' is not registered with the app.${didYouMean(name, app.tasks.keys())}`,
  );
}

async function printTraceback(result: AsyncResult): Promise<number> {
  process.stdout.write(`${(await result.traceback()) ?? ''}\n`);
  return EXIT.ok;
}

async function printValue(result: AsyncResult, timeout: number | undefined): Promise<number> {
  const options = timeout === undefined ? {} : { timeout };
  try {
    process.stdout.write(`${pythonStr(await result.get(options))}\n`);
    return EXIT.ok;
  } catch (error) {
    // Not ready, or the backend is out of reach: nothing to add to the error.
    if (!(await isFinal(result))) throw error;
    process.stderr.write(`${await failureText(result, error)}\n`);
    return EXIT.failure;
  }
}

async function isFinal(result: AsyncResult): Promise<boolean> {
  return await result.ready().catch(() => false);
}

async function failureText(result: AsyncResult, error: unknown): Promise<string> {
  const traceback = await result.traceback();
  return (traceback ?? `Error: ${String(error)}`).trimEnd();
}

const UNLIMITED = { maxLength: Number.POSITIVE_INFINITY, maxDepth: Number.POSITIVE_INFINITY };

/** As Python's `print` shows it: text as it is, everything else in its notation. */
function pythonStr(value: unknown): string {
  return typeof value === 'string' ? value : saferepr(value, UNLIMITED);
}
