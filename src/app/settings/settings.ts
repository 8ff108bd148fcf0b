/**
 * The settings of one app: what `app.conf` is.
 *
 * Layers, the first that has a value wins: overrides (of tests), environment (broker and
 * result URLs only), changes, added defaults, config source, the defaults of the settings table. Names and
 * values are checked when they come in; reading is reading a property.
 */

import { inspect } from 'node:util';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { censor, humanize } from './display.ts';
import {
  type CheckedSettings,
  checkChanges,
  checkSource,
  requireSettingName,
  type SettingsSource,
  settingName,
} from './names.ts';
import {
  type CeleryConfig,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type SettingValues,
} from './tables/table.ts';
import {
  brokerReadUrl,
  brokerUrl,
  brokerWriteUrl,
  type Environment,
  isEmbedded,
  resultBackend,
  type UrlSettings,
} from './urls.ts';

export interface SettingsOptions {
  /** Environment for CELERY_BROKER_URL and its kin. Default: that of the process. */
  readonly env?: Environment;
}

type Values = Record<SettingName, unknown>;

const DERIVED = new Map<string, (values: UrlSettings, env: Environment) => string | null>([
  ['broker_url', brokerUrl],
  ['broker_read_url', brokerReadUrl],
  ['broker_write_url', brokerWriteUrl],
  ['result_backend', resultBackend],
]);

function unknownName(key: string): never {
  requireSettingName(key);
  throw new ImproperlyConfigured(`Setting ${key} cannot be used here.`);
}

/**
 * Stands behind `SettingsBase`, so that it hears only of names which no class has: old and
 * camelCase spellings, and mistakes.
 */
const OTHER_NAMES = new Proxy(Object.prototype, {
  get(target, key, receiver: SettingsBase) {
    const name = typeof key === 'string' ? settingName(key) : undefined;
    return name === undefined ? Reflect.get(target, key, receiver) : receiver.get(name);
  },
  set(_, key, value: unknown, receiver: SettingsBase) {
    const name = settingName(String(key)) ?? unknownName(String(key));
    receiver.update({ [name]: value } as CeleryConfig);
    return true;
  },
});

class SettingsBase {
  static {
    for (const name of SETTING_NAMES) {
      const read = DERIVED.has(name)
        ? function (this: SettingsBase) {
            return this.get(name);
          }
        : function (this: SettingsBase) {
            return this.#values[name];
          };
      const write = function (this: SettingsBase, value: unknown) {
        if (value === undefined) throw new ImproperlyConfigured(`Setting ${name} needs a value.`);
        this.update({ [name]: value });
      };
      Object.defineProperty(SettingsBase.prototype, name, { get: read, set: write });
    }
  }

  readonly #env: Environment;
  readonly #defaults: Values;
  readonly #changes: CheckedSettings = new Map();
  /** Newest first. */
  readonly #added: CheckedSettings[] = [];
  /** Newest first. */
  readonly #overrides: CheckedSettings[] = [];
  #source: CheckedSettings = new Map();
  #values: Values;
  #revision = 0;

  constructor(changes: CeleryConfig = {}, options: SettingsOptions = {}) {
    this.#env = options.env ?? process.env;
    this.#defaults = defaultValues();
    this.#values = this.#defaults;
    this.update(changes);
  }

  /** Grows with every change, for those who derive something from settings. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether neither a broker nor a result backend is configured, so that both are a file here. */
  get usesEmbeddedDefault(): boolean {
    return isEmbedded(this.#values as unknown as UrlSettings, this.#env);
  }

  /** The value under any accepted spelling of the name. @throws ImproperlyConfigured for an unknown one */
  get<Name extends SettingName>(name: Name): SettingValues[Name];
  get(name: string): unknown;
  get(name: string): unknown {
    const known = requireSettingName(name);
    const derive = DERIVED.get(known);
    if (!derive) return this.#values[known];
    const override = this.#overrides.find(each => each.has(known));
    if (override) return override.get(known);
    return derive(this.#values as unknown as UrlSettings, this.#env);
  }

  /** Whether there is such a setting. */
  has(name: string): boolean {
    return settingName(name) !== undefined;
  }

  /** Whether somebody gave this setting a value, as opposed to its default. */
  isGiven(name: SettingName): boolean {
    return this.#layers().some(layer => layer.has(name));
  }

  /**
   * Change settings. Changes win over the config source, whenever they are made.
   *
   * @param origin for errors, where the values come from
   * @throws ImproperlyConfigured for an unknown name or a wrong value; then nothing is changed
   */
  update(changes: CeleryConfig, origin?: string): void {
    for (const [name, value] of checkChanges(changes, origin)) this.#changes.set(name, value);
    this.#refresh();
  }

  /** Values for what no change sets; they win over the config source, and later ones over earlier. */
  addDefaults(defaults: CeleryConfig | (() => CeleryConfig)): void {
    const given = typeof defaults === 'function' ? defaults() : defaults;
    this.#added.unshift(checkChanges(given, 'the added defaults'));
    this.#refresh();
  }

  /**
   * Put values over everything else, the environment too, until the returned function is
   * called: for tests.
   *
   * @throws ImproperlyConfigured for an unknown name or a wrong value; then nothing is changed
   */
  override(values: CeleryConfig): () => void {
    const checked = checkChanges(values, 'an override');
    this.#overrides.unshift(checked);
    this.#refresh();
    return () => {
      const at = this.#overrides.indexOf(checked);
      if (at < 0) return;
      this.#overrides.splice(at, 1);
      this.#refresh();
    };
  }

  /**
   * A copy with these changes over those there are, for a worker with settings of its own; neither
   * hears of later changes of the other.
   */
  derive(changes: CeleryConfig, origin?: string): Settings {
    const copy = new SettingsBase({}, { env: this.#env });
    copy.#source = this.#source;
    copy.#added.push(...this.#added);
    copy.#overrides.push(...this.#overrides);
    for (const [name, value] of this.#changes) copy.#changes.set(name, value);
    copy.update(changes, origin);
    return copy as Settings;
  }

  /** Put a config file or object in the place of the one before. */
  setSource(source: SettingsSource): void {
    this.#source = checkSource(source);
    this.#refresh();
  }

  /** The changes alone: what another process needs on top of loading the same app. */
  changes(): Partial<SettingValues> {
    return Object.fromEntries(this.#changes) as Partial<SettingValues>;
  }

  /** Everything that somebody gave a value: config source first, changes last. */
  withoutDefaults(): Partial<SettingValues> {
    return Object.fromEntries(
      this.#layers()
        .reverse()
        .flatMap(layer => [...layer]),
    ) as Partial<SettingValues>;
  }

  /** Names and values in effect, by default those given and without secrets. */
  table(
    options: { withDefaults?: boolean; censored?: boolean } = {},
  ): Readonly<Record<string, unknown>> {
    const values: Record<string, unknown> = options.withDefaults
      ? { ...this.#values }
      : this.withoutDefaults();
    for (const name of DERIVED.keys()) {
      if (this.#env[`CELERY_${name.toUpperCase()}`]) values[name] = this.get(name);
    }
    return options.censored === false ? values : censor(values);
  }

  /** The settings that were given, one a line, without secrets, as `report` ends with them. */
  humanize(): string {
    return humanize(this.table());
  }

  toJSON(): unknown {
    return this.table();
  }

  [inspect.custom](): unknown {
    return this.table();
  }

  #layers(): CheckedSettings[] {
    return [...this.#overrides, this.#changes, ...this.#added, this.#source];
  }

  #refresh(): void {
    this.#values = { ...this.#defaults, ...(this.withoutDefaults() as Partial<Values>) };
    this.#revision++;
  }
}

/** Copies, so that a map changed in place changes in this app only. */
function defaultValues(): Values {
  const copies = SETTING_NAMES.map(name => [name, structuredClone(SETTINGS[name].default)]);
  return Object.fromEntries(copies) as Values;
}

Object.setPrototypeOf(SettingsBase.prototype, OTHER_NAMES);

/** `app.conf`: settings are properties under Celery's names. */
export type Settings = SettingsBase & SettingValues;
export const Settings = SettingsBase as unknown as new (
  changes?: CeleryConfig,
  options?: SettingsOptions,
) => Settings;
