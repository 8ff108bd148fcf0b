import type { ChildProcess as NodeChild, StdioOptions } from 'node:child_process';
import { fork } from 'node:child_process';
import { extname } from 'node:path';
import type { ChildInit } from '../messages.ts';
import type { PoolOptions } from '../options.ts';

/** The entry keeps the extension it has here: `.ts` under tsx, `.js` in dist. */
const ENTRY = new URL(`../child/main${extname(import.meta.url)}`, import.meta.url);

export function startProcess(options: PoolOptions, ledgerFd: number): NodeChild {
  const stdio: StdioOptions = [
    'ignore',
    options.stdout ?? 'inherit',
    options.stderr ?? 'inherit',
    'ipc',
    ledgerFd,
  ];
  const execArgv = options.execArgv ?? process.execArgv.filter(arg => !isInspector(arg));
  return fork(ENTRY, [], {
    serialization: 'advanced',
    env: options.env ?? process.env,
    execArgv: [...execArgv],
    stdio,
  });
}

/** Two processes cannot listen on one debugger port. */
function isInspector(arg: string): boolean {
  return arg.startsWith('--inspect');
}

export function initMessage(
  place: { slot: number; index: number },
  options: PoolOptions,
  ledgerEntries: number,
): ChildInit {
  return {
    type: 'init',
    runnerUrl: options.runnerUrl.href,
    runnerConfig: options.runnerConfig,
    slot: place.slot,
    index: place.index,
    slots: options.slots ?? 1,
    ledgerEntries,
    maxTasks: options.maxTasksPerChild,
    maxMemory: options.maxMemoryPerChild,
  };
}
