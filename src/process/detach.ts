/**
 * Running in the background. Node cannot fork, so the launcher starts the same command as a
 * process of its own session, waits until that one says that it is ready or why it cannot
 * start, and only then ends.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
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

const REPORT_FD = 3;

let reportTo = startedBy?.reportTo;

/** Starts the command in the background. Resolves with what it reports, or how it ended before. */
export async function detach({ executable, outputFile }: DetachOptions): Promise<LaunchReport> {
  const output = outputFile === undefined ? 'ignore' : openSync(outputFile, 'a', 0o640);
  const child = spawn(executable ?? process.execPath, sameCommand(), {
    cwd: START_DIRECTORY,
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
    env: environmentFor({ pid: process.pid, detached: true, reportTo: REPORT_FD }),
  });
  if (typeof output === 'number') closeSync(output);
  let ending = 'it ended';
  child.on('error', error => {
    ending = error.message;
  });
  child.on('exit', (code, signal) => {
    ending = signal ? `it was killed by ${signal}` : `it ended with exit code ${code}`;
  });
  const report = await lastLine(child.stdio[REPORT_FD] as Readable);
  child.unref();
  if (report !== '') return JSON.parse(report) as LaunchReport;
  const where =
    outputFile === undefined ? ' Start it without -D to see why.' : ` See ${outputFile}.`;
  const text = `The process in the background did not start: ${ending}.${where}`;
  return { exitCode: EXIT.failure, text };
}

async function lastLine(pipe: Readable): Promise<string> {
  let text = '';
  for await (const chunk of pipe.setEncoding('utf8')) text += chunk;
  return text.trim();
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
