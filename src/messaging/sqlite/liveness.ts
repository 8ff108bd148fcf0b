/** Telling whether the process behind a consumer still lives, without trusting any clock. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  /** Processes with the same text can see each other's process ids. */
  readonly host: string;
  readonly pid: number;
  /**
   * Tells a process from an earlier one with the same id, as ids are used again; empty where nobody
   * can say.
   */
  readonly started: string;
}

/** Without a sign of life for so many seconds a process that we cannot look at counts as dead. */
const PATIENCE = 10;
/** Likewise, if there is a process with its id but nothing shows that it is the same one. */
const PATIENCE_WITH_NAMESAKE = 300;

function orEmpty(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return '';
  }
}

/** Host names repeat among containers; process id namespaces do not. */
const host = `${hostname()} ${orEmpty(() => readlinkSync('/proc/self/ns/pid'))}`.trim();
const boot = orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));

/** Linux: boot id and start time in clock ticks; `undefined` if there is no such living process. */
function startOf(pid: number): string | undefined {
  const stat = orEmpty(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === '') return undefined;
  // The name in parentheses may hold anything; the state is the first field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${boot} ${fields[19]}`;
}

export const self: ProcessIdentity = {
  host,
  pid: process.pid,
  started: startOf(process.pid) ?? '',
};

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * For how many seconds a process may show no heartbeat until it counts as dead: none if it is
 * known to be gone, for ever if it is known to live (its event loop may be blocked by a task).
 */
export function patience(other: ProcessIdentity): number {
  if (other.host !== host) return PATIENCE;
  if (other.started === '' || self.started === '') {
    return exists(other.pid) ? PATIENCE_WITH_NAMESAKE : 0;
  }
  return startOf(other.pid) === other.started ? Number.POSITIVE_INFINITY : 0;
}
