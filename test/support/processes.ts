/** Processes as the kernel sees them (Linux). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  readonly parent: number;
  /** Words of its command line, or its title. */
  readonly words: string;
}

/** Those that live and work in this directory, this process aside. */
export function processesIn(directory: string): SeenProcess[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap(name => {
      try {
        if (readlinkSync(`/proc/${name}/cwd`) !== directory) return [];
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent), words }];
      } catch {
        return []; // gone meanwhile, or somebody else's
      }
    });
}
