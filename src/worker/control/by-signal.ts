/** What operators ask of a worker by a signal instead of a command. */
import type { Pool } from '../../pool/contract.ts';
import type { WorkerParts } from '../assembly.ts';
import type { Request } from '../request.ts';
import type { WorkerState } from '../worker-state.ts';
import { POOL_HANDLERS } from './pool.ts';

/** Tasks that are named of those that run, and of those that wait. */
const MOST_NAMED = 100;

/** As `pool_grow` and `pool_shrink` do it. */
export async function resizeByOne(parts: WorkerParts, by: 1 | -1): Promise<void> {
  const how = by > 0 ? 'grow' : 'shrink';
  try {
    const reply = (await POOL_HANDLERS[`pool_${how}`](parts, { n: 1 })) as { error?: string };
    if (reply.error !== undefined) throw new Error(reply.error);
  } catch (error) {
    parts.logger.error(`The pool could not ${how}: ${(error as Error).message}`);
  }
}

/** By headline; resolves within a few seconds although a child is blocked. */
export async function activityOf(
  { requests }: WorkerState,
  pool: Pool | undefined,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const reports = (await pool?.reports()) ?? [];
  const all = [...requests];
  const active = all.filter(({ state }) => state === 'active');
  const waiting = all.filter(({ state }) => state !== 'active');
  return {
    'ACTIVE TASKS': named(active, ({ label, pid }) => `${label} pid:${pid ?? '?'}`),
    'WAITING TASKS': named(waiting, ({ label, state }) => `${label} ${state}`),
    ...Object.fromEntries(
      reports.map(({ name, pid, lines }) => [`${name} (pid ${pid ?? '?'})`, lines]),
    ),
  };
}

function named(requests: readonly Request[], line: (request: Request) => string): string[] {
  const lines = requests.slice(0, MOST_NAMED).map(line);
  const left = requests.length - lines.length;
  return left > 0 ? [...lines, `and ${left} more`] : lines;
}
