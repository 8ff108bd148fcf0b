/**
 * The declarative side of the command line: options as rows of a table. Parsing, environment
 * names, help and docs/cli.md are all made from it.
 */
import type { ValueType } from './value-type.ts';

export interface Option<T = unknown> {
  /** As typed: `-c`, `--concurrency`; the first long name gives the environment names. */
  readonly flags: readonly string[];
  readonly type: ValueType<T>;
  readonly section: string;
  readonly help: string;
  /** The setting that the option overrides. */
  readonly setting?: string;
  /** Environment names besides the derived ones, as Celery has them. */
  readonly env?: readonly string[];
  /** Asks for something that the command does without its arguments: none of them are missed. */
  readonly eager?: boolean;
}

export type Options = Readonly<Record<string, Option>>;

/** Values of the options that were given, on the command line or in the environment. */
export type Values<O extends Options> = {
  -readonly [K in keyof O]?: O[K] extends Option<infer T> ? T : never;
};

export function isFlag(option: Option): boolean {
  return option.type.metavar === '';
}

export function optionTerm(option: Option): string {
  return `${option.flags.join(', ')} ${option.type.metavar}`.trimEnd();
}

function longFlag(option: Option): string {
  return option.flags.find(name => name.startsWith('--')) ?? option.flags[0]!;
}

/** Environment names of an option, most important first; `command` is unset for a global one. */
export function envNames(option: Option, command?: string): string[] {
  const words = [...(command ? [command] : []), longFlag(option).replace(/^--/, '')];
  const name = words.join('_').replaceAll('-', '_').toUpperCase();
  return [`TSCELERY_${name}`, ...(option.env ?? []), `CELERY_${name}`];
}

/** The settings that the options that were given stand for. */
export function settingsGiven<O extends Options>(
  options: O,
  values: Values<O>,
): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const [key, { setting }] of Object.entries(options)) {
    if (setting !== undefined && values[key] !== undefined) settings[setting] = values[key];
  }
  return settings;
}
