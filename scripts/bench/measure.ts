/** CPU time and memory of processes, read from /proc (Linux only). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ticks of /proc per second; the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface ProcessTimes {
  readonly parent: number;
  /** Seconds of the process itself and of its children that have ended. */
  readonly cpu: number;
}

/** What every process had used at one moment. */
export interface Snapshot {
  /** Seconds on a clock that never jumps. */
  readonly at: number;
  /** Seconds in which the processors worked for anybody, other guests of the host included. */
  readonly busy: number;
  readonly processes: ReadonlyMap<number, ProcessTimes>;
}

export const now = (): number => performance.now() / 1000;

export function takeSnapshot(): Snapshot {
  const at = now();
  const processes = new Map<number, ProcessTimes>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    const times = Number.isInteger(pid) ? readTimes(pid) : undefined;
    if (times) processes.set(pid, times);
  }
  return { at, busy: machineBusy(), processes };
}

/** Seconds that a process and all its descendants, ended ones too, used between two moments. */
export function cpuOfTree(from: Snapshot, to: Snapshot, root: number): number {
  return treeTotal(to, root) - treeTotal(from, root);
}

/** Share of the machine that went to anything but this process and its descendants, 0 to 1. */
export function shareOfOthers(from: Snapshot, to: Snapshot, processors: number): number {
  const own = cpuOfTree(from, to, process.pid);
  const capacity = (to.at - from.at) * processors;
  return Math.max(0, to.busy - from.busy - own) / capacity;
}

/** The process first, then its living descendants. */
export function treeOf(snapshot: Snapshot, root: number): number[] {
  const tree = snapshot.processes.has(root) ? [root] : [];
  for (const pid of tree) {
    for (const [child, { parent }] of snapshot.processes) if (parent === pid) tree.push(child);
  }
  return tree;
}

export interface Memory {
  /** Megabytes resident, pages shared with other processes counted in full. */
  readonly rss: number;
  /** Megabytes, shared pages divided among those who share them; NaN where the kernel hides it. */
  readonly pss: number;
}

export function memoryOf(pid: number): Memory {
  return {
    rss: megabytes(`/proc/${pid}/status`, 'VmRSS'),
    pss: megabytes(`/proc/${pid}/smaps_rollup`, 'Pss'),
  };
}

/** The file that a process runs; undefined when the process is gone. */
export function programOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

/** Of a process and its descendants. */
export function memoryOfTree(root: number): Memory {
  const all = treeOf(takeSnapshot(), root).map(memoryOf);
  return {
    rss: all.reduce((sum, { rss }) => sum + rss, 0),
    pss: all.reduce((sum, { pss }) => sum + pss, 0),
  };
}

function treeTotal(snapshot: Snapshot, root: number): number {
  return treeOf(snapshot, root).reduce((sum, pid) => sum + snapshot.processes.get(pid)!.cpu, 0);
}

function readTimes(pid: number): ProcessTimes | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name, in parentheses, may hold anything; numbered from behind it: 1 is the parent.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
  return { parent: Number(fields[1]), cpu: ticks / TICKS_PER_SECOND };
}

function machineBusy(): number {
  const line = read('/proc/stat')?.split('\n')[0] ?? '';
  const [user = 0, nice = 0, system = 0, , , , , steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + steal) / TICKS_PER_SECOND;
}

function megabytes(file: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(file) ?? '');
  return match ? Number(match[1]) / 1024 : Number.NaN;
}

/** Undefined when the process is gone. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
