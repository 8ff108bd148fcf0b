/**
 * Checks that imports under src/ point strictly downwards, that no files import each other
 * in a circle, and that there are no inner barrels. Types count like values: an `import type`
 * becomes a real import sooner or later.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Folders of one level do not know each other; each imports from lower levels only. */
const LEVELS: readonly (readonly string[])[] = [
  ['base'],
  ['wire'],
  ['messaging', 'canvas', 'pool', 'process', 'schedules'],
  ['backends'],
  ['execute', 'events', 'control'],
  ['app'],
  ['worker', 'beat'],
  // the test kit runs a whole worker
  ['testing'],
  ['cli', 'index.ts'],
];
const LEVEL = new Map(LEVELS.flatMap((folders, level) => folders.map(name => [name, level])));

/** Narrower than the level allows, with the reason. */
const ONLY: Readonly<Record<string, { allowed: RegExp; reason: string }>> = {
  pool: { allowed: /^base\//, reason: 'a pool moves opaque jobs and imports only base' },
  process: { allowed: /^base\//, reason: 'process imports only base' },
  execute: {
    allowed: /^(?!backends\/)|^backends\/(contract|errors)\.ts$/,
    reason: 'execute knows the contract of backends, not the backends',
  },
};

const IO = /^node:(fs|net|tls|http|https|http2|dgram|child_process|worker_threads|cluster)\b/;
const WITHOUT_IO = new Set(['wire', 'canvas', 'schedules']);
const BARRELS = new Set(['index.ts', 'testing/index.ts']);

interface Import {
  readonly line: number;
  readonly text: string;
  readonly specifier: string;
  /** Path under src, when the import is relative. */
  readonly target: string | undefined;
}

/** Everything wrong with the imports of the files under `src`, one line each. */
export function checkImports(src: string): string[] {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map(file => file.replaceAll('\\', '/'))
    .sort();
  const imports = new Map(files.map(file => [file, importsOf(src, file)]));
  const problems = files
    .filter(file => /(^|\/)index\.ts$/.test(file) && !BARRELS.has(file))
    .map(file => `src/${file}: index.ts files exist only in src and src/testing`);
  for (const [file, list] of imports) {
    for (const each of list) {
      const problem = problemOf(src, file, each);
      if (problem) problems.push(`src/${file}:${each.line}: ${each.text}\n    ${problem}`);
    }
  }
  return [...problems, ...cycles(imports).map(cycle => `import cycle: ${cycle.join(' → ')}`)];
}

function importsOf(src: string, file: string): Import[] {
  const path = join(src, file);
  const text = readFileSync(path, 'utf8');
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => {
    const line = text.slice(0, pos).split('\n').length;
    return {
      line,
      text: text.split('\n')[line - 1]!.trim(),
      specifier: fileName,
      target: fileName.startsWith('.')
        ? relative(src, resolve(dirname(path), fileName)).replaceAll('\\', '/')
        : undefined,
    };
  });
}

function folderOf(file: string): string {
  return file.split('/')[0]!;
}

function problemOf(src: string, file: string, { specifier, target }: Import): string | undefined {
  const from = folderOf(file);
  if (target === undefined) {
    return IO.test(specifier) && WITHOUT_IO.has(from) ? `${from} contains no I/O` : undefined;
  }
  if (target.startsWith('..')) return 'imports stay inside src';
  if (!existsSync(join(src, target))) return 'there is no such file';
  const to = folderOf(target);
  if (from === to) return undefined;
  const [fromLevel, toLevel] = [LEVEL.get(from), LEVEL.get(to)];
  if (fromLevel === undefined) return `${from} has no level in scripts/check-imports.ts`;
  if (toLevel === undefined) return `${to} has no level in scripts/check-imports.ts`;
  if (toLevel === fromLevel) return `${from} and ${to} are on one level and do not know each other`;
  if (toLevel > fromLevel)
    return `${from} (level ${fromLevel}) may not import ${to} (level ${toLevel})`;
  const only = ONLY[from];
  return only && !only.allowed.test(target) ? only.reason : undefined;
}

/** Each group of files that import each other, as one path that leads back to its start. */
function cycles(imports: ReadonlyMap<string, readonly Import[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    const at = path.indexOf(file);
    if (at >= 0) found.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const { target } of imports.get(file) ?? []) {
      if (target !== undefined && target !== file && imports.has(target)) visit(target);
    }
    path.pop();
    done.add(file);
  };
  for (const file of imports.keys()) visit(file);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = checkImports(fileURLToPath(new URL('../src', import.meta.url)));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
