/**
 * Loads modules of the user: the app, its config, the modules of `imports` and `include`.
 *
 * JavaScript is left to Node, TypeScript to jiti, which shares the instances of everything
 * Node has loaded, this library among them. When this library itself runs from its sources,
 * whatever loads those loads the user's TypeScript too.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Jiti } from 'jiti';
import { PACKAGE_FOLDER, RUNS_FROM_SOURCE } from '../../base/packages/own-modules.ts';
import { nearest } from '../../base/text/nearest.ts';
import { ModuleLoadError } from './errors.ts';
import { moduleErrorText } from './module-error-text.ts';
import { findFile, isFile, MODULE_EXTENSIONS } from './module-files.ts';

export type ModuleExports = Readonly<Record<string, unknown>>;

const TYPESCRIPT = new Set(['.ts', '.mts', '.cts']);
const NEVER_SETTLES =
  'The module, or one that it imports, waits at its top level (await) for something that never comes.';
/** This package: its own tsconfig.json means its sources, which would be a second library. */
const OWN_FOLDER = fileURLToPath(PACKAGE_FOLDER);

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
  const { esmResolve } = await jiti(false);
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
  const isJitis = TYPESCRIPT.has(extname(path)) && !RUNS_FROM_SOURCE;
  try {
    return await settled(isJitis ? jitiImport(path) : nativeImport(path));
  } catch (error) {
    throw new ModuleLoadError(
      `While trying to load the module ${name} the following error occurred:\n${moduleErrorText(error, path)}`,
      { cause: error, module: name, missing: false },
    );
  }
}

/** Rejects when nothing is left that could go on: Node would end without a word. */
function settled<T>(loading: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onEmpty = () => reject(new Error(NEVER_SETTLES));
    process.once('beforeExit', onEmpty);
    loading.then(resolve, reject).finally(() => process.off('beforeExit', onEmpty));
  });
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

const jitis = new Map<boolean, Promise<Jiti>>();

/** One for all modules of the user's: @param withPaths whether `paths` of a tsconfig.json count */
function jiti(withPaths: boolean): Promise<Jiti> {
  const known = jitis.get(withPaths);
  if (known) return known;
  const made = import('jiti').then(({ createJiti }) => {
    const parent = join(process.cwd(), 'noop.js');
    // Compiled files are kept in the node_modules/.cache beside the file named first (else in
    // the system's temporary folder); lines are kept so that stacks name the source's line.
    const options = { fsCache: true, transformOptions: { retainLines: true } };
    if (!withPaths) return createJiti(parent, options);
    try {
      return createJiti(parent, { ...options, tsconfigPaths: true });
    } catch {
      return createJiti(parent, options); // a tsconfig.json that cannot be read, which tsc tells
    }
  });
  jitis.set(withPaths, made);
  return made;
}

async function jitiImport(path: string): Promise<ModuleExports> {
  return (await jiti(!path.startsWith(OWN_FOLDER))).import<ModuleExports>(path);
}

export function moduleMissing(
  specifier: string,
  cwd: string,
  stems: readonly string[] = ['index'],
): ModuleLoadError {
  const folder = folderOf(specifier, cwd);
  if (folder !== undefined) {
    const files = readdirSync(folder).filter(file => moduleStem(folder, file) !== undefined);
    return new ModuleLoadError(
      `${specifier} is a folder without ${stems.map(stem => `${stem}.ts`).join(' or ')}.${files.length === 0 ? '' : ` It holds: ${files.join(', ')}.`}`,
      { module: specifier, missing: true },
    );
  }
  const similar = similarFile(specifier, cwd);
  const hint = similar === undefined ? '' : ` Did you mean ${JSON.stringify(similar)}?`;
  return new ModuleLoadError(`The module ${specifier} was not found.${hint}`, {
    module: specifier,
    missing: true,
  });
}

function folderOf(specifier: string, cwd: string): string | undefined {
  const names = isPath(specifier) ? [specifier] : [specifier, specifier.replaceAll('.', '/')];
  return names
    .map(name => resolve(cwd, name))
    .find(path => statSync(path, { throwIfNoEntry: false })?.isDirectory());
}

/** Looks where the name points and, for bare names, also in `src`, where projects keep code. */
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

/** The name under which a file or folder could be loaded, so that it can be meant; or undefined. */
function moduleStem(folder: string, file: string): string | undefined {
  if (file.startsWith('.') || file === 'node_modules' || file.endsWith('.d.ts')) return undefined;
  const stem = stemOf(file);
  if (stem !== file) return stem;
  return findFile(join(folder, file), ['index', 'celery']) === undefined ||
    isFile(join(folder, file))
    ? undefined
    : file;
}
