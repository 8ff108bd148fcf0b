/**
 * The processes that a child of the pool has started: when the child is killed they are too, except
 * those that made a session of their own, as daemons do. Linux only: elsewhere none are found.
 */

import { readdirSync, readFileSync } from 'node:fs';

// as they were before a task could put others in their place
const kill = process.kill.bind(process);
const [readDir, readFile] = [readdirSync, readFileSync];

export interface Offspring {
  readonly pid: number;
  /** Clock ticks since the system's start: tells a process from a later one with the same id. */
  readonly started: string;
}

/**
 * The living descendants of a process, in its session. Takes well below a millisecond.
 *
 * @param freeze stop each descendant before its children are listed, and with `all` the process too,
 *   so that none is started unseen; for those that are killed next
 */
export function offspringOf(pid: number, freeze?: 'all' | 'offspring'): Offspring[] {
  const root = statOf(pid);
  if (root === undefined) return [];
  if (freeze === 'all') send(pid, 'SIGSTOP');
  const family: Offspring[] = [{ pid, started: root.started }];
  // it grows meanwhile
  for (const parent of family) {
    for (const child of childrenOf(parent.pid)) {
      const stat = statOf(child);
      if (stat?.session !== root.session) continue;
      if (freeze) send(child, 'SIGSTOP');
      family.push({ pid: child, started: stat.started });
    }
  }
  return family.slice(1);
}

/**
 * Kill those that are still there: an id may be another process's by now. The youngest first: whoever
 * else looks for them meanwhile (`guardian.ts`) still finds each below its parent.
 */
export function killOffspring(offspring: readonly Offspring[]): void {
  for (const { pid, started } of [...offspring].reverse()) {
    if (statOf(pid)?.started === started) send(pid, 'SIGKILL');
  }
}

function childrenOf(pid: number): number[] {
  // a child is listed with the thread that started it
  const lists = attempt(() => readDir(`/proc/${pid}/task`)) ?? [];
  return lists.flatMap(thread => {
    const line = attempt(() => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8')) ?? '';
    return line.split(' ').flatMap(text => Number(text) || []);
  });
}

function statOf(pid: number): { session: string; started: string } | undefined {
  const stat = attempt(() => readFile(`/proc/${pid}/stat`, 'utf8'));
  if (stat === undefined) return undefined;
  // the name in parentheses may hold anything; the state is the first field after it
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { session: fields[3]!, started: fields[19]! };
}

/** It may be gone by now, or be another user's. */
function send(pid: number, signal: NodeJS.Signals): void {
  attempt(() => kill(pid, signal));
}

function attempt<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch {
    return undefined;
  }
}
