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
const LEVELS: readonly Level[] = [
  { rooms: ['base'], words: 'errors, time, text, collections; no I/O' },
  {
    rooms: ['wire', 'drivers'],
    words:
      'every byte that another implementation can see, as pure functions; ' +
      'how to reach a server or a database file, for brokers and results alike',
  },
  {
    rooms: ['messaging', 'canvas', 'pool', 'process', 'schedules', 'tracing'],
    words:
      'brokers; signatures as data; child processes; logs, signals and health of one process; ' +
      'OpenTelemetry',
  },
  {
    rooms: ['backends', 'schedule-stores'],
    words: 'result stores and waiting for results; where the entries of a schedule are kept',
  },
  {
    rooms: ['execute', 'events', 'control', 'multi'],
    words:
      'runs one task: a pipeline that gets everything it needs as arguments; ' +
      'events: sent, heard, and what follows from them; the client side of remote control; ' +
      'many workers in the background',
  },
  {
    rooms: ['app'],
    words:
      'the `Celery` object: settings, tasks, routes, publishing, results. ' +
      'The only place where the parts meet',
  },
  { rooms: ['worker', 'beat'], words: 'consumes, decides, hands to the pool, settles' },
  { rooms: ['testing'], words: 'the test kit, a worker in the process of the test' },
  {
    rooms: ['cli', 'index.ts'],
    words:
      'the command line: for each command one file that declares it and one with its code, ' +
      'loaded when it runs',
  },
];

/**
 * The same inside a folder. Names are of rooms or files in it; `*` stands for those that are not
 * named. Files of one row may know each other, rooms of one row do not.
 */
const INNER: Readonly<Record<string, readonly (readonly string[])[]>> = {
  base: [['kind-of', 'deferred', 'packages'], ['text', 'collections'], ['errors', 'time'], ['*']],
  wire: [
    ['errors', 'dates', 'result-shapes', 'optional-package'],
    ['serializers'],
    ['compression', 'results'],
    ['content', 'moments'],
    ['messages', '*'],
  ],
  drivers: [['*'], ['redis', 'sqlite']],
  messaging: [
    ['contract', 'entities', 'listener-queue', 'browse', 'unused-options'],
    ['virtual'],
    ['amqp', 'memory', 'redis', 'sqlite'],
    ['open'],
  ],
  'messaging/amqp': [['*'], ['publishing'], ['parking'], ['intake'], ['transport']],
  'messaging/redis': [['*'], ['intake'], ['consumer', 'visibility-sweep'], ['transport']],
  backends: [['*'], ['redis', 'rpc', 'sqlite'], ['open']],
  pool: [['*'], ['prefork', 'threads'], ['child', 'parent'], ['in-process', 'open']],
  execute: [['errors', 'request'], ['logs'], ['*'], ['workflow'], ['run']],
  app: [
    ['loading', 'options', 'results', 'signals'],
    ['routing', 'signatures'],
    ['settings'],
    ['tasks'],
    ['publishing'],
    ['*'],
  ],
  'app/settings': [['tables'], ['*']],
  beat: [['errors', 'entries'], ['leader'], ['*'], ['service']],
  worker: [
    [
      'announcer',
      'broker-link',
      'child',
      'dead-letters',
      'events',
      'listeners',
      'request',
      'revoking',
      'worker-state',
    ],
    ['intake', 'running'],
    ['assembly'],
    ['control'],
    ['steps'],
    ['worker', 'embedded'],
  ],
  cli: [
    ['parsing'],
    ['declarations', 'terminal'],
    ['*'],
    ['commands'],
    ['command-table', 'main', 'probe-command'],
  ],
};

interface Level {
  readonly rooms: readonly string[];
  readonly words: string;
}
const LEVEL = new Map(LEVELS.flatMap(({ rooms }, level) => rooms.map(name => [name, level])));

/** Narrower than the level allows, with the reason. */
const ONLY: Readonly<Record<string, { allowed: RegExp; reason: string }>> = {
  pool: { allowed: /^base\//, reason: 'a pool moves opaque jobs and imports only base' },
  process: { allowed: /^base\//, reason: 'process imports only base' },
  multi: { allowed: /^(base|process)\//, reason: 'multi knows processes, not what runs in them' },
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
  problems.push(...new Set(files.flatMap(file => placeless(file) ?? [])));
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

/** What the levels inside the deepest folder that both files share say about the import. */
function innerProblem(file: string, target: string): string | undefined {
  const [from, to] = [file.split('/'), target.split('/')];
  let shared = 0;
  while (shared < from.length - 1 && from[shared] === to[shared]) shared += 1;
  const folder = from.slice(0, shared).join('/');
  const rows = INNER[folder];
  if (rows === undefined) return undefined;
  const [a, b] = [from[shared]!, to[shared]!];
  const [fromLevel, toLevel] = [innerLevel(rows, a), innerLevel(rows, b)];
  // what has no level is told by itself
  if (fromLevel === undefined || toLevel === undefined) return undefined;
  if (toLevel > fromLevel) return `${folder}/${a} stands below ${folder}/${b}`;
  const areRooms = !a.endsWith('.ts') && !b.endsWith('.ts');
  return toLevel === fromLevel && areRooms
    ? `${folder}/${a} and ${folder}/${b} are on one level and do not know each other`
    : undefined;
}

function innerLevel(rows: readonly (readonly string[])[], name: string): number | undefined {
  const own = rows.findIndex(row => row.includes(name.replace(/\.ts$/, '')));
  const level = own >= 0 ? own : rows.findIndex(row => row.includes('*'));
  return level >= 0 ? level : undefined;
}

const notPlaced = (folder: string, name: string) =>
  `${folder}/${name} has no level: add it to INNER in scripts/check-imports.ts, then run node --import tsx scripts/check-docs.ts --write`;

/** Files without a place in the house, also those that import nothing yet. */
function placeless(file: string): string | undefined {
  const parts = file.split('/');
  if (!LEVEL.has(parts[0]!)) {
    return `src/${parts[0]} has no level: add it to LEVELS in scripts/check-imports.ts, then run node --import tsx scripts/check-docs.ts --write`;
  }
  for (let depth = 1; depth < parts.length; depth++) {
    const folder = parts.slice(0, depth).join('/');
    const rows = INNER[folder];
    if (rows && innerLevel(rows, parts[depth]!) === undefined)
      return notPlaced(folder, parts[depth]!);
  }
  return undefined;
}

function problemOf(src: string, file: string, { specifier, target }: Import): string | undefined {
  const from = folderOf(file);
  if (target === undefined) {
    return IO.test(specifier) && WITHOUT_IO.has(from) ? `${from} contains no I/O` : undefined;
  }
  if (target.startsWith('..')) return 'imports stay inside src';
  if (!existsSync(join(src, target))) return 'there is no such file';
  const to = folderOf(target);
  if (from === to) return innerProblem(file, target);
  const [fromLevel, toLevel] = [LEVEL.get(from), LEVEL.get(to)];
  if (fromLevel === undefined || toLevel === undefined) return undefined;
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

/** The levels as Markdown: of the folders under `src`, and inside those that have inner rooms. */
export function levelsTables(): string {
  const code = (names: readonly string[]) => names.map(name => `\`${name}\``).join(', ');
  const outer = LEVELS.map(({ rooms, words }, level) => `| ${level} | ${code(rooms)} | ${words} |`);
  const others = (rows: readonly (readonly string[])[]) =>
    rows.map(row => row.map(name => (name === '*' ? 'other files' : `\`${name}\``)).join(', '));
  const inner = Object.entries(INNER).map(
    ([folder, rows]) => `| \`${folder}\` | ${others(rows).join(' < ')} |`,
  );
  return [
    '| level | folders | |\n| --- | --- | --- |',
    ...outer.reverse(),
    '\n| inside | from the bottom to the top |\n| --- | --- |',
    ...inner,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = checkImports(fileURLToPath(new URL('../src', import.meta.url)));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
