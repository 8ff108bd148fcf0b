/** The time zone of an app: `timezone`, else UTC, or the zone of the machine without `enable_utc`. */
import { localZoneName, TimeZone } from '../../base/time/time-zone.ts';
import type { Settings } from './settings.ts';

export class LocalTime {
  readonly #conf: Settings;
  #revision = -1;
  #zone: TimeZone | undefined;

  constructor(conf: Settings) {
    this.#conf = conf;
  }

  /** Celery: `app.timezone`. */
  get name(): string {
    return this.#conf.timezone ?? (this.#conf.enable_utc ? 'UTC' : localZoneName());
  }

  /** Undefined when it is UTC, which needs no conversion. */
  get zone(): TimeZone | undefined {
    if (this.#revision !== this.#conf.revision) this.#look();
    return this.#zone;
  }

  #look(): void {
    const { name } = this;
    this.#revision = this.#conf.revision;
    this.#zone = /^(etc\/)?utc$/i.test(name) ? undefined : new TimeZone(name);
  }
}
