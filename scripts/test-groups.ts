/**
 * Small test files run several to a process: to start one, and to load the sources in it, takes
 * longer than what most unit tests do.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const MOST_IN_GROUP = 16;

export interface TestGroups {
  /** In their order; a group stands where its first file stood. */
  readonly files: readonly string[];
  remove(): Promise<void>;
}

/** @param isSmall whether a file may share its process with others */
export async function groupFiles(
  files: readonly string[],
  isSmall: (file: string) => boolean,
): Promise<TestGroups> {
  const small = files.filter(isSmall);
  if (small.length < 2) return { files, remove: async () => {} };
  const dir = await mkdtemp(join(tmpdir(), 'tscelery-groups-'));
  const groups: string[] = [];
  for (let at = 0; at < small.length; at += MOST_IN_GROUP) {
    const members = small.slice(at, at + MOST_IN_GROUP);
    const entry = join(dir, `unit-${groups.length + 1}.test.mjs`);
    await writeFile(entry, `${members.map(importOf).join('\n')}\n`);
    groups.push(entry);
  }
  const remove = () => rm(dir, { recursive: true });
  return { files: [...files.filter(file => !isSmall(file)), ...groups], remove };
}

/** Not `await import`: tests begin when the first file is there, and their root would end with it. */
function importOf(file: string): string {
  return `import ${JSON.stringify(pathToFileURL(resolve(file)).href)};`;
}
