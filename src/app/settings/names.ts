/**
 * From what people write to canonical names and checked values: old upper-case names,
 * camelCase, namespace prefixes and command-line words. After this only the names of the
 * settings table exist.
 */

import { ImproperlyConfigured } from '../../base/errors.ts';
import { checkArgument, map, text } from '../../base/option-kinds.ts';
import { camelCase } from '../../base/text/case.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import { didYouMean, nearest } from '../../base/text/nearest.ts';
import { isDict, UNREADABLE } from '../options/setting-kinds.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from './tables/table.ts';

/** Names that Python config files may hold for others than Celery. */
const IGNORED = new Set(['TIME_ZONE', 'CELERY_DB_REUSE_MAX', 'deprecated_settings', '__esModule']);

const OLD_NAMES = new Map<string, SettingName>();
const CAMEL_NAMES = new Map<string, SettingName>();

for (const name of SETTING_NAMES) {
  for (const old of SETTINGS[name].oldNames) OLD_NAMES.set(old, name);
  const camel = camelCase(name);
  if (camel !== name) CAMEL_NAMES.set(camel, name);
}

/** Settings as they were written, with where that was (for errors): `celeryconfig.ts`. */
export interface SettingsSource {
  readonly values: Readonly<Record<string, unknown>>;
  readonly origin: string;
  /** Prefix of the keys; only keys that have it, or that are known without it, count. */
  readonly namespace?: string | undefined;
}

export type CheckedSettings = Map<SettingName, unknown>;

export function isSettingName(key: string): key is SettingName {
  return Object.hasOwn(SETTINGS, key);
}

export function settingName(key: string): SettingName | undefined {
  return isSettingName(key) ? key : (OLD_NAMES.get(key) ?? CAMEL_NAMES.get(key));
}

/** @throws ImproperlyConfigured naming the nearest setting */
export function requireSettingName(key: string, origin?: string): SettingName {
  checkArgument(key, text, 'The name of a setting');
  const name = settingName(key);
  if (name !== undefined) return name;
  const spellings = OLD_NAMES.has(key.toUpperCase())
    ? OLD_NAMES.keys()
    : /^[A-Z0-9_]+$/.test(key)
      ? [...OLD_NAMES.keys(), ...SETTING_NAMES]
      : /[A-Z]/.test(key)
        ? [...CAMEL_NAMES.keys(), ...SETTING_NAMES]
        : SETTING_NAMES;
  const where = origin === undefined ? '' : ` in ${origin}`;
  throw new ImproperlyConfigured(
    `Unknown setting ${JSON.stringify(key)}${where}.${didYouMean(key, spellings) || didMeanUrl(key)}`,
  );
}

/** Short words for the URLs: those of the constructor, and what other libraries call them. */
const URL_WORDS: Readonly<Record<string, SettingName>> = {
  broker: 'broker_url',
  connection: 'broker_url',
  redis: 'broker_url',
  backend: 'result_backend',
};

function didMeanUrl(key: string): string {
  const word = nearest(key, Object.keys(URL_WORDS));
  return word === undefined ? '' : ` Did you mean ${JSON.stringify(URL_WORDS[word])}?`;
}

/**
 * The value as it is kept. Undefined stays undefined: it means "not given".
 *
 * @throws ImproperlyConfigured naming setting, value and what was expected
 */
export function checkSetting(name: SettingName, value: unknown, origin?: string): unknown {
  if (value === undefined) return undefined;
  const { kind, default: fallback } = SETTINGS[name];
  if (value === null && fallback === null) return null;
  const kept = kind.read(value);
  if (kept !== UNREADABLE) return kept;
  const where = origin === undefined ? '' : ` (in ${origin})`;
  throw new ImproperlyConfigured(
    `Setting ${name} must be ${kind.expects}, but ${describe(name, value)} was given${where}.${kind.hint?.(value) ?? ''}`,
  );
}

const SECRET_NAME = /pass|secret|token|key/i;

/** A value in an error message; secrets and the insides of maps and lists stay out of it. */
function describe(name: string, value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (isDict(value)) return `a map with the keys ${Object.keys(value).join(', ') || '(none)'}`;
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'function') return 'a function';
  if (SECRET_NAME.test(name)) return `a ${typeof value}`;
  if (typeof value !== 'string') return String(value);
  return `${JSON.stringify(maskUrl(value))} (a string)`;
}

/** Settings given one by one (`app.conf.update`, constructor options): any spelling, no mix check. */
export function checkChanges(
  values: Readonly<Record<string, unknown>>,
  origin?: string,
): CheckedSettings {
  checkArgument(values, map, 'What is said about settings');
  const checked: CheckedSettings = new Map();
  for (const [key, value] of Object.entries(values)) {
    const name = requireSettingName(key, origin);
    const kept = checkSetting(name, value, origin);
    if (kept !== undefined) checked.set(name, kept);
  }
  return checked;
}

/**
 * A config file or object. Keys that start with `_` or `$` belong to its author.
 *
 * @throws ImproperlyConfigured for unknown keys, wrong values, and old and new names together
 */
export function checkSource(source: SettingsSource): CheckedSettings {
  const written = source.namespace
    ? withNamespace(source.values, source.namespace)
    : withoutNamespace(source);
  const checked: CheckedSettings = new Map();
  for (const { name, value } of written) {
    const kept = checkSetting(name, value, source.origin);
    if (kept !== undefined) checked.set(name, kept);
  }
  return checked;
}

interface Written {
  readonly key: string;
  readonly name: SettingName;
  readonly value: unknown;
}

function withoutNamespace({ values, origin }: SettingsSource): Written[] {
  const written: Written[] = [];
  for (const [key, value] of Object.entries(values)) {
    if (IGNORED.has(key) || /^[_$]/.test(key)) continue;
    written.push({ key, name: requireSettingName(key, origin), value });
  }
  return oneStyle(written);
}

/** Leaves the majority's spelling where a setting is given in both, as Celery does. */
function oneStyle(written: readonly Written[]): Written[] {
  const old = written.filter(({ key }) => OLD_NAMES.has(key));
  const current = written.filter(({ key }) => !OLD_NAMES.has(key));
  const [majority, minority] = current.length >= old.length ? [current, old] : [old, current];
  const covered = new Set(majority.map(({ name }) => name));
  const strays = minority.filter(({ name }) => !covered.has(name));
  if (strays.length > 0) throw mixError(strays, majority === current);
  return majority;
}

const OLD_NAME_WIDTH = 36; // as in Celery

function mixError(strays: readonly Written[], toNew: boolean): ImproperlyConfigured {
  const rename = ({ key, name }: Written) =>
    `${key.padEnd(OLD_NAME_WIDTH)} -> ${toNew ? name : (SETTINGS[name].oldNames[0] ?? '(no old name)')}`;
  const lines = strays.map(rename).join('\n');
  return new ImproperlyConfigured(
    toNew
      ? `Cannot mix new and old setting keys, please rename the following settings to the new format:\n\n${lines}\n`
      : `Cannot mix new setting names with old setting names, please rename the following settings to use the old format:\n\n${lines}\n\nOr change all of the settings to use the new format :)\n`,
  );
}

/** Prefixed keys win over bare ones; bare keys of others are none of our business. */
function withNamespace(values: Readonly<Record<string, unknown>>, namespace: string): Written[] {
  const prefix = namespace.endsWith('_') ? namespace : `${namespace}_`;
  const upper = prefix === prefix.toUpperCase();
  const bare: Written[] = [];
  const prefixed: Written[] = [];
  for (const [key, value] of Object.entries(values)) {
    if (IGNORED.has(key)) continue;
    if (key.startsWith(prefix)) {
      const rest = key.slice(prefix.length);
      const name = upper ? rest.toLowerCase() : rest;
      if (!isSettingName(name)) throw unknownPrefixed(key, prefix, upper);
      prefixed.push({ key, name, value });
    } else if (isSettingName(key)) {
      bare.push({ key, name: key, value });
    }
  }
  return [...bare, ...prefixed];
}

function unknownPrefixed(key: string, prefix: string, upper: boolean): ImproperlyConfigured {
  const known = SETTING_NAMES.map(name => prefix + (upper ? name.toUpperCase() : name));
  return new ImproperlyConfigured(
    `Unknown setting ${JSON.stringify(key)}.${didYouMean(key, known)}`,
  );
}

const CASTS = new Set(['json', 'list', 'tuple', 'dict', 'int', 'bool', 'float', 'string', 'any']);

/**
 * `worker.prefetch_multiplier=1` from the end of a command line. A leading dot stands for the
 * command's `namespace`; `(json)[1]`, `(int)1`, … say how to read the value.
 *
 * @throws ImproperlyConfigured with the reason
 */
export function parseCommandLineSetting(
  text: string,
  namespace: string,
): { name: SettingName; value: unknown } {
  const equals = text.indexOf('=');
  if (equals < 1) {
    throw new ImproperlyConfigured(
      `${JSON.stringify(text)} is no setting: expected key=value, such as worker.concurrency=2`,
    );
  }
  const name = commandLineName(text.slice(0, equals), namespace);
  const given = commandLineValue(name, text.slice(equals + 1));
  return { name, value: checkSetting(name, given, 'the command line') };
}

function commandLineName(text: string, namespace: string): SettingName {
  const key = text.trim().toLowerCase().replace(/\./g, '_');
  if (!key.startsWith('_')) return requireSettingName(key, 'the command line');
  const inNamespace = namespace + key;
  if (isSettingName(inNamespace)) return inNamespace;
  const bare = key.slice(1);
  return isSettingName(bare) ? bare : requireSettingName(inNamespace, 'the command line');
}

function commandLineValue(name: SettingName, text: string): unknown {
  const cast = /^\((\w+)\)/.exec(text);
  if (cast && CASTS.has(cast[1]!)) return castValue(name, cast[1]!, text.slice(cast[0].length));
  const { kind, default: fallback } = SETTINGS[name];
  if (fallback === null && /^(none|null)$/i.test(text)) return null;
  if (kind.name === 'dict' || kind.name === 'list or dict') return castValue(name, 'json', text);
  const value = kind.fromText(text);
  return value === undefined ? text : value; // as it is, so that the error quotes it
}

function castValue(name: SettingName, cast: string, text: string): unknown {
  if (cast === 'string' || cast === 'any') return text;
  if (cast === 'bool') return ['true', 'yes', '1', 'on'].includes(text.toLowerCase());
  if (cast === 'int' || cast === 'float') return Number(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ImproperlyConfigured(
      `Setting ${name}: the value is no JSON (${(error as Error).message}).`,
      { cause: error },
    );
  }
}
