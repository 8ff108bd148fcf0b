/**
 * Finds and reads the config file: the one somebody names, or `celeryconfig.*` or the key
 * `celery` of package.json in the working directory (no other folder is searched).
 */

import { existsSync, readFileSync } from 'node:fs';
import { extname, join, relative, resolve } from 'node:path';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { isClass } from '../../base/kind-of.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { ModuleLoadError } from '../loading/errors.ts';
import { loadFile, loadModule, type ModuleExports, resolveModule } from '../loading/load-module.ts';
import { MODULE_EXTENSIONS } from '../loading/module-files.ts';
import { membersOf } from './config-members.ts';
import type { SettingsSource } from './names.ts';

const DATA_EXTENSIONS = ['.json', '.yaml', '.yml'] as const;
const CONFIG_FILES = [...MODULE_EXTENSIONS, ...DATA_EXTENSIONS].map(ext => `celeryconfig${ext}`);
const PYTHON_FILE = 'celeryconfig.py';
const PACKAGE_FILE = 'package.json';
const PACKAGE_KEY = 'celery';

export interface LoadConfigOptions {
  readonly cwd?: string | undefined;
  /** What `--config` names; without it the environment is asked, then the working directory. */
  readonly config?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * The settings that a process starts with, or undefined when there is no config file.
 *
 * @throws ImproperlyConfigured when a file is named and missing, or cannot be read
 */
export async function loadConfig(
  options: LoadConfigOptions = {},
): Promise<SettingsSource | undefined> {
  const { cwd = process.cwd(), env = process.env } = options;
  const named = options.config || env.TSCELERY_CONFIG_MODULE || env.CELERY_CONFIG_MODULE;
  return named ? readConfig(named, cwd) : discoverConfig(cwd);
}

async function discoverConfig(cwd: string): Promise<SettingsSource | undefined> {
  if (!mayHaveConfig(cwd)) return undefined;
  const found = await reading(cwd, async () => (await explorer()).search(cwd));
  if (!found || found.isEmpty) return undefined;
  return toSource(found.config, nameOf(found.filepath, cwd), undefined);
}

/** A cheap look before a library is loaded that most processes do not need. */
function mayHaveConfig(cwd: string): boolean {
  if (CONFIG_FILES.some(file => existsSync(join(cwd, file)))) return true;
  try {
    return readFileSync(join(cwd, PACKAGE_FILE), 'utf8').includes(`"${PACKAGE_KEY}"`);
  } catch {
    return false;
  }
}

/** That the config of a Python project is not read, when the working directory has one. */
export function warnOfPython(cwd: string): void {
  if (!existsSync(join(cwd, PYTHON_FILE))) return;
  process.emitWarning(
    `${PYTHON_FILE} is Python and is not read. Put its settings into celeryconfig.ts, .js, .json or .yaml under the same names; until then the defaults count.`,
    'TsceleryWarning',
  );
}

/**
 * What `--config` and `app.configFromObject` accept as text: `module`, `module:attribute`,
 * `module.attribute` when there is no module of that name, or the path of a module, JSON or YAML file.
 *
 * @throws ImproperlyConfigured when it is missing, cannot be read or holds no settings
 */
export async function readConfig(
  name: string,
  cwd: string = process.cwd(),
): Promise<SettingsSource> {
  if (name.endsWith('.py')) {
    throw new ImproperlyConfigured(
      `Config ${JSON.stringify(name)} is Python. Put the settings into a .ts, .js, .json or .yaml file under the same names.`,
    );
  }
  if ((DATA_EXTENSIONS as readonly string[]).includes(extname(name))) {
    const path = resolve(cwd, name);
    const found = await reading(name, async () => (await explorer()).load(path));
    return toSource(found?.config, nameOf(path, cwd), undefined);
  }
  const [module, attribute] = await splitName(name, cwd);
  const exports = await reading(name, () => loadModule(module, cwd));
  return toSource(exports, module, attribute);
}

/**
 * `proj.config.celery` is the attribute `celery` of `proj.config` when that is the module, as in
 * Python.
 */
async function splitName(
  name: string,
  cwd: string,
): Promise<[module: string, attribute: string | undefined]> {
  const [, module, attribute] = /^(.{2,}):([\w$]+)$/.exec(name) ?? [];
  if (module !== undefined) return [module, attribute];
  const dotted = /^([\w$-]+(?:\.[\w$-]+)*)\.([\w$]+)$/.exec(name);
  const isFile = (MODULE_EXTENSIONS as readonly string[]).includes(extname(name));
  if (!dotted || isFile || (await resolveModule(name, cwd))) return [name, undefined];
  return (await resolveModule(dotted[1]!, cwd)) ? [dotted[1]!, dotted[2]] : [name, undefined];
}

/**
 * Settings from the config that an environment variable names.
 *
 * @throws ImproperlyConfigured when the variable is not set
 */
export async function readConfigFromEnv(
  variable: string,
  cwd: string = process.cwd(),
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<SettingsSource> {
  const name = env[variable];
  if (name) return readConfig(name, cwd);
  throw new ImproperlyConfigured(
    `The environment variable '${variable}' is not set, and as such the configuration could not be loaded. Set it to the name of a config module, such as ./celeryconfig.ts.`,
  );
}

async function explorer() {
  const { cosmiconfig, defaultLoaders } = await import('cosmiconfig'); // slow to load, seldom needed
  const loadExports = (path: string) => loadFile(path, path);
  const loaders = Object.fromEntries(MODULE_EXTENSIONS.map(ext => [ext, loadExports]));
  return cosmiconfig(PACKAGE_KEY, {
    searchPlaces: [...CONFIG_FILES, PACKAGE_FILE],
    searchStrategy: 'none',
    packageProp: PACKAGE_KEY,
    loaders: { ...defaultLoaders, ...loaders },
  });
}

async function reading<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ImproperlyConfigured) throw error;
    const message = (error as Error).message;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? 'The file does not exist.' : message;
    const where = error instanceof ModuleLoadError ? '' : ` ${JSON.stringify(name)}`;
    throw new ImproperlyConfigured(`Cannot load the configuration${where}. ${reason}`, {
      cause: error,
    });
  }
}

function nameOf(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short.startsWith('..') ? path : short;
}

function toSource(config: unknown, origin: string, attribute: string | undefined): SettingsSource {
  const found =
    attribute === undefined ? settingsOf(config) : attributeOf(config, origin, attribute);
  const value = isClass(found) ? membersOf(found) : found;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const kind = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
    const what = attribute === undefined ? origin : `${origin}:${attribute}`;
    throw new ImproperlyConfigured(
      `The configuration ${what} must be a map of settings, but it is ${kind}.`,
    );
  }
  return { values: value as Readonly<Record<string, unknown>>, origin };
}

function isModule(value: unknown): value is ModuleExports {
  return typeof value === 'object' && value !== null && 'default' in value;
}

/** The default export of a module, or its named exports. */
function settingsOf(config: unknown): unknown {
  if (config === undefined) return {};
  if (isModule(config)) return config.default;
  // copied, because a module's namespace is no plain object
  return typeof config === 'object' && config !== null && !Array.isArray(config)
    ? { ...config }
    : config;
}

function attributeOf(config: unknown, origin: string, attribute: string): unknown {
  const exports = config as ModuleExports;
  const inner = exports.default;
  const members: ModuleExports =
    typeof inner === 'object' && inner !== null ? { ...inner, ...exports } : exports;
  if (Object.hasOwn(members, attribute)) return members[attribute];
  const names = Object.keys(members).filter(name => name !== 'module.exports');
  throw new ImproperlyConfigured(
    `The configuration module ${origin} has no attribute '${attribute}'. It exports: ${names.join(', ')}.${didYouMean(attribute, names)}`,
  );
}
