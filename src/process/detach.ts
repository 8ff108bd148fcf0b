/**
 * Running in the background. Node cannot fork, so the launcher starts the same command as a
 * process of its own session, waits until that one says that it is ready or why it cannot
 * start, and only then ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { EXIT } from './exit-codes.ts';
import { environmentFor, START_DIRECTORY, sameCommand, startedBy } from './started-by.ts';

/** What the process in the background tells its launcher, once. */
export interface LaunchReport {
  readonly exitCode: number;
  /** For the person at the terminal; may be empty. */
  readonly text: string;
}

export interface DetachOptions {
  /** Program to run instead of this Node (`worker_executable`). */
  readonly executable?: string | undefined;
  /** Gets what the process prints outside its log; /dev/null without it. */
  readonly outputFile?: string | undefined;
}

export interface BackgroundCommand {
  readonly program: string;
  readonly words: readonly string[];
  readonly cwd: string;
  /** Open file that gets what the process prints outside its log. */
  readonly output?: number | undefined;
}

/** How a process ended that was started in the background, if it did before it could report. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not even be started. */
  readonly error?: string;
}

const REPORT_FD = 3;
/** Milliseconds for a report that is still in the pipe when the process has ended. */
const PIPE_MS = 200;

let reportTo = startedBy?.reportTo;

/** Starts the command in the background. Resolves with what it reports, or how it ended before. */
export async function detach({ executable, outputFile }: DetachOptions): Promise<LaunchReport> {
  const output = outputFile === undefined ? undefined : openSync(outputFile, 'a', 0o640);
  const launched = startInBackground({
    program: executable ?? process.execPath,
    words: sameCommand(),
    cwd: START_DIRECTORY,
    output,
  });
  if (output !== undefined) closeSync(output);
  const news = await launched;
  if ('exitCode' in news) return news;
  const where =
    outputFile === undefined ? ' Start it without -D to see why.' : ` See ${outputFile}.`;
  const text = `The process in the background did not start: ${endingText(news)}.${where}`;
  return { exitCode: EXIT.failure, text };
}

/** In the middle of a sentence. */
export function endingText({ code, signal, error }: Ending): string {
  if (error !== undefined) return error;
  return signal ? `it was killed by ${signal}` : `it ended with exit code ${code}`;
}

/**
 * Starts a command as a process of its own session. Resolves with what it reports when it is ready or
 * cannot start, or with its end when that comes before. It goes on when this process ends, at any moment.
 */
export async function startInBackground(
  command: BackgroundCommand,
): Promise<LaunchReport | Ending> {
  const output = command.output ?? 'ignore';
  const child = spawn(command.program, command.words, {
    cwd: command.cwd,
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
    env: environmentFor({ pid: process.pid, detached: true, reportTo: REPORT_FD }),
  });
  const ended = endOf(child);
  // none when there was no room for another open file
  const pipe = child.stdio?.[REPORT_FD] as Readable | undefined;
  const report = pipe && (await reportFrom(pipe, ended));
  if (report === undefined) return await ended;
  child.unref();
  return report;
}

function endOf(child: ChildProcess): Promise<Ending> {
  return new Promise(resolve => {
    child.on('error', ({ message }) => resolve({ code: null, signal: null, error: message }));
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
}

async function reportFrom(
  pipe: Readable,
  ended: Promise<unknown>,
): Promise<LaunchReport | undefined> {
  let text = '';
  pipe.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const closed = new Promise(resolve => pipe.once('close', resolve));
  // a process that it started may keep the pipe open
  await Promise.race([closed, ended.then(() => Promise.race([closed, setTimeout(PIPE_MS)]))]);
  pipe.destroy();
  return text.trim() === '' ? undefined : (JSON.parse(text) as LaunchReport);
}

/** Tells the launcher, if one is waiting. Later calls do nothing. */
export function reportToLauncher(report: LaunchReport): void {
  if (reportTo === undefined) return;
  const fd = reportTo;
  reportTo = undefined;
  try {
    writeSync(fd, `${JSON.stringify(report)}\n`);
    closeSync(fd);
  } catch {
    // Nobody waits any more.
  }
}
