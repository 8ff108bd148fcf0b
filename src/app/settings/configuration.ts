/**
 * How an app comes to its settings: from a config file that is looked for once, or from what the
 * program names instead. What depends on them, signed messages, is set up as soon as they are
 * there.
 */

import type { Signals } from '../signals/signals.ts';
import { loadConfig, readConfig, readConfigFromEnv, warnOfPython } from './config-file.ts';
import { membersOf } from './config-members.ts';
import { GivenConfigs } from './given-config.ts';
import { parseCommandLineSetting, type SettingsSource } from './names.ts';
import { type SecurityOptions, setUpSecurity } from './security.ts';
import type { Settings } from './settings.ts';
import type { CeleryConfig } from './tables/table.ts';

export interface LoadOptions {
  /** A config file or module; without it the environment and then the working directory decide. */
  readonly config?: string;
  readonly cwd?: string;
}

/** Settings as a program hands them over: values, a class with members, or where they are. */
export type ConfigObject =
  | CeleryConfig
  | Readonly<Record<string, unknown>>
  | (abstract new () => object)
  | string;

export class Configuration {
  readonly #conf: Settings;
  readonly #signals: Pick<Signals, 'onConfigure' | 'onAfterConfigure'>;
  readonly #given = new GivenConfigs();
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #security: SecurityOptions | undefined;

  constructor(conf: Settings, signals: Pick<Signals, 'onConfigure' | 'onAfterConfigure'>) {
    this.#conf = conf;
    this.#signals = signals;
  }

  /** Whether the settings are complete, so that no config file is looked for any more. */
  get isLoaded(): boolean {
    return this.#isLoaded && !this.#given.isOpen;
  }

  /**
   * Find and read the config file, unless that was done or is not needed; once for all callers.
   *
   * @throws what a config that the program gave and did not wait for failed with
   */
  async load(options: LoadOptions): Promise<void> {
    if (this.#given.isOpen) await this.#given.settle();
    if (this.#isLoaded) return;
    this.#loading ??= this.#load(options);
    try {
      await this.#loading;
    } catch (error) {
      this.#loading = undefined;
      throw error;
    }
  }

  fromObject(source: ConfigObject, options: { namespace?: string; cwd?: string }): Promise<void> {
    return this.#given.add(this.#fromObject(source, options));
  }

  fromEnvvar(variable: string, silent: boolean): Promise<boolean> {
    return this.#given.add(this.#fromEnvvar(variable, silent));
  }

  async #fromObject(
    source: ConfigObject,
    { namespace, cwd }: { namespace?: string; cwd?: string },
  ): Promise<void> {
    const found: SettingsSource =
      typeof source === 'string'
        ? await readConfig(source, cwd)
        : { values: membersOf(source), origin: 'configFromObject' };
    this.#take({ ...found, namespace });
  }

  async #fromEnvvar(variable: string, silent: boolean): Promise<boolean> {
    if (silent && !process.env[variable]) return false;
    this.#take(await readConfigFromEnv(variable));
    return true;
  }

  /** These are settings of the moment and do not replace the config file. */
  fromCommandLine(words: readonly string[], namespace: string): void {
    for (const word of words) {
      const { name, value } = parseCommandLineSetting(word, namespace);
      this.#conf.update({ [name]: value } as CeleryConfig, 'the command line');
    }
  }

  /** At once when the settings are complete, else as soon as they are. */
  setUpSecurity(options: SecurityOptions): void {
    if (this.#isLoaded) setUpSecurity(this.#conf, options);
    this.#security = options;
  }

  async #load({ config, cwd = process.cwd() }: LoadOptions): Promise<void> {
    const source = await loadConfig({ cwd, config });
    if (this.#isLoaded) return;
    if (!source && this.#conf.usesEmbeddedDefault) warnOfPython(cwd);
    this.#take(source);
  }

  #take(source: SettingsSource | undefined): void {
    void this.#signals.onConfigure.send(undefined, {});
    if (source) this.#conf.setSource(source);
    if (this.#security) setUpSecurity(this.#conf, this.#security);
    this.#isLoaded = true;
    void this.#signals.onAfterConfigure.send(undefined, {});
  }
}
