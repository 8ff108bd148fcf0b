import { isClass, isErrorClass, isMap, isRecord } from '../base/kind-of.ts';
import {
  any,
  checkArgument,
  checkOptions,
  code,
  flag,
  type Kind,
  type Kinds,
  name,
  names,
  text,
} from '../base/option-kinds.ts';
import { saferepr } from '../base/text/saferepr.ts';
import type { LoadOptions } from './settings/configuration.ts';
import type { SecurityOptions } from './settings/security.ts';

export const LOAD: Kinds<LoadOptions> = { config: name, cwd: name };
export const FROM_OBJECT = { namespace: text, cwd: name };
export const FROM_ENVVAR = { silent: flag };
export const DISCOVERY = { relatedName: text, cwd: name };

export const SECURITY: Kinds<SecurityOptions> = {
  key: name,
  keyPassword: any,
  cert: name,
  store: name,
  digest: name,
  serializer: name,
  allowedSerializers: names,
};

const configSource: Kind = {
  words: 'an object with settings, a class, or the name of a module',
  accepts: value => isMap(value) || code.accepts(value) || name.accepts(value),
};
const packages: Kind = {
  words: 'a list of packages, or a function that gives one',
  accepts: value => names.accepts(value) || code.accepts(value),
};
const errorClass: Kind = { words: 'the class of an error', accepts: isErrorClass };

/** @throws TypeError naming the option, the value and the nearest known option; so do the others */
export function checkLoadOptions(options: LoadOptions): void {
  checkOptions(options, LOAD, 'load');
}

/** A handler such as `process.once('SIGTERM', close)` is given other things, which mean nothing. */
export function checkClose(options: unknown): void {
  const [option] = isMap(options) && isRecord(options) ? Object.keys(options) : [];
  if (option === undefined) return;
  throw new TypeError(
    `There is no option ${JSON.stringify(option)} of close, which has none: got ${saferepr(options)}`,
  );
}

export function checkConfigFromObject(source: unknown, options: object): void {
  checkArgument(source, configSource, 'What configFromObject takes first');
  checkOptions(options, FROM_OBJECT, 'configFromObject');
}

export function checkConfigFromEnvvar(variable: unknown, options: object): void {
  checkArgument(variable, name, 'The variable of configFromEnvvar');
  checkOptions(options, FROM_ENVVAR, 'configFromEnvvar');
}

export function checkConfigFromCmdline(words: unknown, namespace: unknown): void {
  checkArgument(
    words,
    { ...names, words: 'a list of words such as "worker.concurrency=2"' },
    'What configFromCmdline takes',
  );
  checkArgument(namespace, text, 'The namespace of configFromCmdline');
}

export function checkDiscovery(given: unknown, options: object): void {
  checkArgument(given, packages, 'What autodiscoverTasks takes first');
  checkOptions(options, DISCOVERY, 'autodiscoverTasks');
}

export function checkModules(modules: unknown): void {
  checkArgument(modules, names, 'What importModules takes');
}

export function checkSecurityOptions(options: SecurityOptions): void {
  checkOptions(options, SECURITY, 'setupSecurity');
}

export function checkErrorClass(Class: unknown): void {
  checkArgument(Class, errorClass, 'What registerError takes');
}

export function checkTaskName(given: unknown, method: string): void {
  checkArgument(given, name, `The name of the task that ${method} takes`);
}

export function checkDefaults(defaults: unknown): void {
  const kind: Kind = {
    words: 'an object with settings, or a function that gives one',
    accepts: value => isMap(value) || (code.accepts(value) && !isClass(value)),
  };
  checkArgument(defaults, kind, 'What addDefaults takes');
}

export function checkFunction(run: unknown, method: string): void {
  checkArgument(run, code, `What ${method} takes`);
}
