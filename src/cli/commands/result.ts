import type { Celery } from '../../app/app.ts';
import type { AsyncResult } from '../../app/results/async-result.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { printableLines } from '../../base/text/printable.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { EXIT } from '../../process/exit-codes.ts';
import type { RESULT_OPTIONS } from '../declarations/result.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { CommandError } from '../parsing/command-error.ts';
import { requireReadableResults } from '../readable-results.ts';

export async function run(invocation: Invocation<typeof RESULT_OPTIONS>): Promise<number> {
  const { globals, values, words } = invocation;
  const { app } = await loadApp(globals);
  try {
    if (values.task !== undefined) await requireTask(app, values.task);
    await requireReadableResults(app);
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
  const traceback = await result.traceback();
  if (traceback) print(process.stdout, traceback.trimEnd());
  else process.stderr.write(`No traceback is stored; the state is ${await result.state()}.\n`);
  return EXIT.ok;
}

async function printValue(result: AsyncResult, timeout: number | undefined): Promise<number> {
  // What is thrown here is trouble with the result backend; the task's own error is returned.
  const value = await result.get({
    propagate: false,
    ...(timeout === undefined ? {} : { timeout }),
  });
  if (value instanceof Error) {
    print(process.stderr, await failureText(result, value));
    return EXIT.failure;
  }
  print(process.stdout, pythonStr(value));
  return EXIT.ok;
}

/** What a program reads arrives as it is; a terminal gets no orders from it. */
function print(stream: NodeJS.WriteStream, text: string): void {
  stream.write(`${stream.isTTY ? printableLines(text) : text}\n`);
}

async function failureText(result: AsyncResult, error: Error): Promise<string> {
  // what ended without running (lost, killed, unknown) has none, or an empty one
  const traceback = (await result.traceback())?.trimEnd();
  return traceback || `Error: ${String(error)}`;
}

const UNLIMITED = { maxLength: Number.POSITIVE_INFINITY, maxDepth: Number.POSITIVE_INFINITY };

/** As Python's `print` shows it: text as it is, everything else in its notation. */
function pythonStr(value: unknown): string {
  return typeof value === 'string' ? value : saferepr(value, UNLIMITED);
}
