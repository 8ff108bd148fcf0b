/** Zones of the IANA database, by what Intl knows of them. */
import { nearest } from '../text/nearest.ts';

/** Offsets change at full minutes. */
const BUCKET = 60;
const DAY = 86_400;

export class TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  #bucket = Number.NaN;
  #offset = 0;

  /** @throws RangeError for a name that nobody knows */
  constructor(name: string) {
    if (!isTimeZone(name)) throw new RangeError(`Not a time zone: ${JSON.stringify(name)}.`);
    this.name = name;
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  }

  /**
   * Seconds east of UTC at a moment (seconds since 1970). Remembers the minute it was last asked
   * for, because Intl writes and we read a text each time.
   */
  offsetAt(epochSeconds: number): number {
    const bucket = Math.floor(epochSeconds / BUCKET);
    if (bucket !== this.#bucket) {
      this.#offset = this.#lookUp(bucket * BUCKET);
      this.#bucket = bucket;
    }
    return this.#offset;
  }

  /**
   * The moment at which clocks of the zone show a time, which is given as if it were UTC. Of a time
   * that they show twice it is the first; one that they skip is read with the offset before the
   * change, so it is later by what was skipped. Python: `fold=0`.
   */
  instantOf(wallSeconds: number): number {
    const before = this.#lookUp(wallSeconds - DAY);
    const after = this.#lookUp(wallSeconds + DAY);
    const early = wallSeconds - before;
    if (before === after || this.#lookUp(early) === before) return early;
    const late = wallSeconds - after;
    return this.#lookUp(late) === after ? late : early;
  }

  #lookUp(epochSeconds: number): number {
    const text = this.#format.format(epochSeconds * 1000);
    const [, sign, hours, minutes, seconds = 0] =
      /GMT([+-])(\d+):(\d+)(?::(\d+))?$/.exec(text) ?? [];
    const size = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds);
    return sign === '-' ? -size : size;
  }
}

/** The zone of this machine (`TZ`). */
export function localZoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'UTC';
}

/**
 * Whether it names a zone (`Europe/Berlin`, `UTC`); an offset such as `+02:00` is none, although
 * some versions of Node take it: Python's zoneinfo does not.
 */
export function isTimeZone(name: string): boolean {
  if (!/^[a-z]/i.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The zone that somebody probably meant: `Europe/Berlin` for `Berlin` or `Europe/Berln`. */
export function nearestTimeZone(name: string): string | undefined {
  const zones = ['UTC', ...Intl.supportedValuesOf('timeZone')];
  const asked = name.trim().replaceAll(' ', '_');
  const city = asked.slice(asked.lastIndexOf('/') + 1).toLowerCase();
  return (
    zones.find(zone => zone.slice(zone.lastIndexOf('/') + 1).toLowerCase() === city) ??
    nearest(asked, zones)
  );
}
