/**
 * Loads modules of the user: the app, its config, the modules of `imports` and `include`.
 *
 * JavaScript is left to Node, TypeScript to jiti, which shares the instances of everything
 * Node has loaded, this library among them. When this library itself runs from its sources,
 * whatever loads those loads the user's TypeScript too.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Jiti } from 'jiti';
import { nearest } from '../base/nearest.ts';
import { ModuleLoadError } from './errors.ts';

export type ModuleExports = Readonly<Record<string, unknown>>;

/** In the order of preference when a name without extension fits several files. */
export const MODULE_EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'] as const;
const TYPESCRIPT = new Set(['.ts', '.mts', '.cts']);
const RUNS_FROM_SOURCE = import.meta.url.endsWith('.ts');

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** `base` itself, `base` with an extension, or a file of the folder `base` that `stems` name. */
function findFile(base: string, stems: readonly string[]): string | undefined {
  if (isFile(base)) return base;
  const bases = [base, ...stems.map(stem => join(base, stem))];
  return bases.flatMap(each => MODULE_EXTENSIONS.map(ext => each + ext)).find(isFile);
}

function isPath(specifier: string): boolean {
  return specifier.startsWith('.') || isAbsolute(specifier) || specifier.includes('\\');
}

/**
 * The file that a module's name means: a path, a name or a dotted name looked up from `cwd`,
 * a file URL, or an installed package. Undefined when there is none.
 */
export async function resolveModule(
  specifier: string,
  cwd: string,
  stems: readonly string[] = ['index'],
): Promise<string | undefined> {
  if (specifier.startsWith('file:')) return findFile(fileURLToPath(specifier), stems);
  const found = findFile(resolve(cwd, specifier), stems);
  if (found || isPath(specifier)) return found;
  // Python users write proj.tasks for proj/tasks
  const dotted = /^[\w$-]+(\.[\w$-]+)+$/.test(specifier)
    ? findFile(resolve(cwd, specifier.replaceAll('.', '/')), stems)
    : undefined;
  return dotted ?? resolvePackage(specifier, cwd);
}

async function resolvePackage(specifier: string, cwd: string): Promise<string | undefined> {
  const from = join(cwd, 'noop.js');
  try {
    const path = createRequire(from).resolve(specifier);
    return isAbsolute(path) ? path : undefined; // a module of Node's own is no user module
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined;
  }
  // a package for import only, which require cannot see
  const { esmResolve } = await jiti();
  const url = esmResolve(specifier, { parentURL: pathToFileURL(from), try: true });
  return url === undefined ? undefined : fileURLToPath(url);
}

/**
 * @throws ModuleLoadError: `missing` when there is no such module, otherwise with the error
 *   that loading it caused and where
 */
export async function loadModule(specifier: string, cwd: string): Promise<ModuleExports> {
  const path = await resolveModule(specifier, cwd);
  if (path === undefined) throw moduleMissing(specifier, cwd);
  return loadFile(path, specifier);
}

/** Loads a file that exists; `name` is what errors call it. @throws ModuleLoadError */
export async function loadFile(path: string, name: string): Promise<ModuleExports> {
  try {
    if (TYPESCRIPT.has(extname(path)) && !RUNS_FROM_SOURCE) return await jitiImport(path);
    return await nativeImport(path);
  } catch (error) {
    throw new ModuleLoadError(
      `While trying to load the module ${name} the following error occurred:\n${errorText(error, path)}`,
      { cause: error, module: name, missing: false },
    );
  }
}

async function nativeImport(path: string): Promise<ModuleExports> {
  try {
    return (await import(pathToFileURL(path).href)) as ModuleExports;
  } catch (error) {
    // JavaScript that imports TypeScript; found out before any of it has run
    if ((error as NodeJS.ErrnoException)?.code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error;
    return jitiImport(path);
  }
}

let sharedJiti: Promise<Jiti> | undefined;

function jiti(): Promise<Jiti> {
  sharedJiti ??= import('jiti').then(({ createJiti }) =>
    // Compiled files are kept in the node_modules/.cache beside the file named first (else in
    // the system's temporary folder); lines are kept so that stacks name the source's line.
    createJiti(join(process.cwd(), 'noop.js'), {
      fsCache: true,
      transformOptions: { retainLines: true },
    }),
  );
  return sharedJiti;
}

async function jitiImport(path: string): Promise<ModuleExports> {
  return (await jiti()).import<ModuleExports>(path);
}

function errorText(error: unknown, path: string): string {
  if (!(error instanceof Error)) return String(error);
  const stack = error.stack ?? String(error);
  if (error instanceof SyntaxError && !mentionsSource(stack)) return syntaxErrorText(path) ?? stack;
  return stack;
}

/** Whether the text names a place in code that is not Node's own. */
function mentionsSource(stack: string): boolean {
  return stack.split('\n').some(line => /\.[mc]?[jt]sx?:\d+/.test(line) && !line.includes('node:'));
}

/**
 * Node tells the place of a syntax error only to the console. Nothing of the module has run
 * then, so having another process fail at the same place is harmless.
 */
function syntaxErrorText(path: string): string | undefined {
  const code = `await import(${JSON.stringify(pathToFileURL(path).href)})`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  const end = stderr.search(/\n\s+at |\n\nNode\.js v/);
  return mentionsSource(stderr) ? stderr.slice(0, end < 0 ? undefined : end).trim() : undefined;
}

/** The error for a name that means no module, with the file that was probably meant. */
export function moduleMissing(specifier: string, cwd: string): ModuleLoadError {
  const similar = similarFile(specifier, cwd);
  const hint = similar === undefined ? '' : ` Did you mean ${JSON.stringify(similar)}?`;
  return new ModuleLoadError(`The module ${specifier} was not found.${hint}`, {
    module: specifier,
    missing: true,
  });
}

/** Looks where the name points and, for bare names, also in `src`. */
function similarFile(specifier: string, cwd: string): string | undefined {
  const wanted = resolve(cwd, specifier);
  const folders = isPath(specifier) ? [dirname(wanted)] : [dirname(wanted), join(cwd, 'src')];
  for (const folder of folders.filter(each => existsSync(each))) {
    const files = new Map(readdirSync(folder).map(file => [moduleStem(folder, file), file]));
    files.delete(undefined);
    const stem = nearest(stemOf(basename(wanted)), files.keys() as Iterable<string>);
    const file = stem === undefined ? undefined : files.get(stem);
    if (file !== undefined) return `./${relative(cwd, join(folder, file))}`.replace('./..', '..');
  }
  return undefined;
}

function stemOf(file: string): string {
  return (MODULE_EXTENSIONS as readonly string[]).includes(extname(file))
    ? basename(file, extname(file))
    : file;
}

/** The name under which a file or folder could be loaded, or undefined. */
function moduleStem(folder: string, file: string): string | undefined {
  if (file.startsWith('.') || file === 'node_modules' || file.endsWith('.d.ts')) return undefined;
  const stem = stemOf(file);
  if (stem !== file) return stem;
  return findFile(join(folder, file), ['index', 'celery']) === undefined ||
    isFile(join(folder, file))
    ? undefined
    : file;
}
