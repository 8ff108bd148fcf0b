import { basename, dirname, join } from 'node:path';
import { didYouMean } from '../../base/text/nearest.ts';
import { isApp } from './brand.ts';
import { AppNotFound, ModuleLoadError } from './errors.ts';
import { loadFile, type ModuleExports, moduleMissing, resolveModule } from './load-module.ts';
import { findFile } from './module-files.ts';

const UNABLE = 'Unable to load celery application.';
/** A folder may hold its app in one of these; the second is Celery's. */
const STEMS = ['index', 'celery'];

export interface FindAppOptions {
  /** Where names are looked up. Default: the working directory. */
  readonly cwd?: string;
}

/**
 * The app for `module:attribute`, `module`, `package.module` or a path such as
 * `./src/celery.ts:app`.
 *
 * Without attribute: the export `app`, then `celery`, then `default`, then any app, then the
 * submodule `celery` of a folder.
 *
 * @throws AppNotFound saying which part of the name is wrong
 */
export async function findApp<App extends object = object>(
  spec: string,
  options: FindAppOptions = {},
): Promise<App> {
  const cwd = options.cwd ?? process.cwd();
  try {
    return (await search(spec.trim(), cwd)) as App;
  } catch (error) {
    if (!(error instanceof ModuleLoadError)) throw error;
    throw new AppNotFound(`${UNABLE}\n${error.message}`, { cause: error });
  }
}

async function search(spec: string, cwd: string): Promise<object> {
  if (spec === '') {
    throw new AppNotFound(
      `${UNABLE}\nThe name of the app is empty: write module or module:attribute.`,
    );
  }
  const [module, attribute] = splitSpec(spec);
  if (attribute !== undefined) {
    const path = await resolveModule(module, cwd, STEMS);
    if (path === undefined) throw moduleMissing(module, cwd, STEMS);
    return namedApp(await loadFile(path, module), spec, module, attribute);
  }
  return (await dottedApp(spec, cwd)) ?? moduleApp(spec, cwd);
}

/** `module:attribute`; a drive letter or the colon of a URL separates nothing. */
export function splitSpec(spec: string): [module: string, attribute: string | undefined] {
  const match = /^(.{2,}|[^a-z]):([\p{ID_Start}$_][\p{ID_Continue}$]*)$/iu.exec(spec);
  const single = match ?? /^(\w):([\p{ID_Start}$_][\p{ID_Continue}$]*)$/u.exec(spec);
  return single ? [single[1]!, single[2]!] : [spec, undefined];
}

function namedApp(exports: ModuleExports, spec: string, module: string, attribute: string): object {
  const members = membersOf(exports);
  const value = members.get(attribute);
  if (isApp(value)) return value;
  if (value === undefined) {
    throw new AppNotFound(
      `${UNABLE}\nThe module ${spec} was not found.\n` +
        `Module '${module}' has no attribute '${attribute}'.${exportsOf(members)}${didYouMean(attribute, members.keys())}`,
    );
  }
  throw new AppNotFound(
    `${UNABLE}\n'${spec}' is no Celery app but ${kindOf(value)}.${appsOf(members)}`,
  );
}

/**
 * `proj.app` is the attribute `app` of `proj`, as in Python, if there are such a module and app.
 */
async function dottedApp(spec: string, cwd: string): Promise<object | undefined> {
  const match = /^([\w$-]+(?:\.[\w$-]+)*)\.([\w$]+)$/.exec(spec);
  if (!match || (await resolveModule(spec, cwd, STEMS))) return undefined;
  const [, module, attribute] = match;
  const path = await resolveModule(module!, cwd, STEMS);
  if (path === undefined) return undefined;
  return namedApp(await loadFile(path, module!), spec, module!, attribute!);
}

async function moduleApp(spec: string, cwd: string): Promise<object> {
  const path = await resolveModule(spec, cwd, STEMS);
  if (path === undefined) throw moduleMissing(spec, cwd, STEMS);
  const members = membersOf(await loadFile(path, spec));
  const found = anyApp(members);
  if (found) return found;

  const isFolder = /^index\.[cm]?[jt]s$/.test(basename(path));
  const submodule = isFolder
    ? await resolveModule(join(dirname(path), 'celery'), cwd, [])
    : undefined;
  const submoduleApp =
    submodule === undefined
      ? undefined
      : anyApp(membersOf(await loadFile(submodule, `${spec}.celery`)));
  if (submoduleApp) return submoduleApp;
  const near = await appBeside(path);
  const hint =
    near === undefined
      ? ''
      : ` ${near} beside it exports one: name that module, or export the app here too (export { app } from './${near}').`;
  throw new AppNotFound(
    `${UNABLE}\nModule '${spec}' has no attribute 'celery'.${exportsOf(members)} None of them is a Celery app.${hint}`,
  );
}

/** The file in the same folder that most likely makes the app, if it does: the error names it. */
async function appBeside(path: string): Promise<string | undefined> {
  for (const stem of ['celery', 'app', 'index']) {
    const file = findFile(join(dirname(path), stem), []);
    if (file === undefined || file === path) continue;
    const members = await loadFile(file, file).then(membersOf, () => new Map<string, unknown>());
    if (anyApp(members)) return basename(file);
  }
  return undefined;
}

function anyApp(members: ReadonlyMap<string, unknown>): object | undefined {
  const preferred = ['app', 'celery', 'default'].map(name => members.get(name));
  return [...preferred, ...members.values()].find(isApp);
}

/** Exports by name. What a CommonJS module exports is found in its default export. */
function membersOf(exports: ModuleExports): Map<string, unknown> {
  const members = new Map(Object.entries(exports));
  members.delete('module.exports');
  members.delete('__esModule');
  const { default: inner } = exports;
  if (typeof inner === 'object' && inner !== null && !isApp(inner)) {
    for (const [name, value] of Object.entries(inner)) {
      if (!members.has(name)) members.set(name, value);
    }
  }
  return members;
}

function exportsOf(members: ReadonlyMap<string, unknown>): string {
  const names = [...members.keys()];
  return names.length === 0 ? ' It exports nothing.' : ` It exports: ${names.join(', ')}.`;
}

function appsOf(members: ReadonlyMap<string, unknown>): string {
  const names = [...members].filter(([, value]) => isApp(value)).map(([name]) => name);
  return names.length === 0 ? ' The module exports no app.' : ` Apps there: ${names.join(', ')}.`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
