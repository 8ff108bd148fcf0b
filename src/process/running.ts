/** Whether a process that a pidfile names is there, and may be the one that wrote its id. */
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** `not ours`: it lives, and belongs to another user. */
export type ProcessStatus = 'alive' | 'not ours' | 'gone';

/** One that has ended and that nobody has waited for, as below an init that does not, is gone. */
export function statusOf(pid: number): ProcessStatus {
  // 0 would ask for our own process group
  if (pid === 0) return 'gone';
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'not ours' : 'gone';
  }
  return /^[ZX]$/.test(statOf(pid)?.[0] ?? '') ? 'gone' : 'alive';
}

/** What tells a process from a later one with the same id; undefined where the system does not say. */
export function startTimeOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** From its state on; the name before that may have blanks and brackets of its own. */
function statOf(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

/**
 * Whether a living process can be a tscelery process, or a Celery one. Its id may be one that was
 * used again after the process that wrote the pidfile had died. Where the system does not tell
 * (no /proc), it can.
 *
 * @param node name of the node that it is to be, when that is known
 */
export function mayBeCelery(pid: number, node?: string): boolean {
  const words = read(`/proc/${pid}/cmdline`)?.split('\0');
  if (words === undefined) return true;
  const title = words.join(' ');
  const shown = /\[celeryd: ([^\s\]]+):MainProcess/.exec(title)?.[1];
  if (shown !== undefined && node !== undefined) return shortName(shown) === shortName(node);
  return /celery/i.test(title) || /^node/.test(basename(words[0]!)) || programOf(pid) === ours();
}

const shortName = (node: string) => node.split('@')[0];

const ours = () => basename(process.execPath);

function programOf(pid: number): string | undefined {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
