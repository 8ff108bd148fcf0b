/** Zones of the IANA database, by what Intl knows of them. */
import { nearest } from '../text/nearest.ts';

/** No zone has changed its offset twice in so many seconds. */
const SPAN = 4 * 86_400;
const DAY = 86_400;
/** Some eleven years of one zone. */
const MOST_SPANS = 1024;
/** More than there are zones; a name may be written in many ways. */
const MOST_ZONES = 1024;

/** Four days of a zone: its offset until a moment, and from then on. */
interface Span {
  readonly before: number;
  readonly change: number;
  readonly after: number;
}

export class TimeZone {
  readonly name: string;
  readonly isUtc: boolean;
  readonly #format: Intl.DateTimeFormat;
  readonly #spans = new Map<number, Span>();
  #number = Number.NaN;
  #span: Span = { before: 0, change: 0, after: 0 };

  /** @throws RangeError for a name that nobody knows */
  constructor(name: string) {
    if (!isTimeZone(name)) throw new RangeError(`Not a time zone: ${JSON.stringify(name)}.`);
    this.name = name;
    this.isUtc = /^(etc\/)?(utc|uct|gmt|zulu|universal)$/i.test(name);
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  }

  /** Seconds east of UTC at a moment (seconds since 1970). */
  offsetAt(epochSeconds: number): number {
    const span = this.#spanAt(epochSeconds);
    return epochSeconds < span.change ? span.before : span.after;
  }

  /**
   * The first moment later than `after` and not later than `until` from which on the offset is
   * another; undefined when there is none.
   */
  nextChange(after: number, until: number): number | undefined {
    for (let moment = after; ; moment = (Math.floor(moment / SPAN) + 1) * SPAN) {
      if (moment > until) return undefined;
      const { change } = this.#spanAt(moment);
      if (change > after && change !== Number.POSITIVE_INFINITY) {
        return change <= until ? change : undefined;
      }
    }
  }

  /**
   * The moment at which clocks of the zone show a time, which is given as if it were UTC. Of a time
   * that they show twice it is the first; one that they skip is read with the offset before the
   * change, so it is later by what was skipped. Python: `fold=0`.
   */
  instantOf(wallSeconds: number): number {
    const before = this.offsetAt(wallSeconds - DAY);
    const after = this.offsetAt(wallSeconds + DAY);
    const early = wallSeconds - before;
    if (before === after || this.offsetAt(early) === before) return early;
    const late = wallSeconds - after;
    return this.offsetAt(late) === after ? late : early;
  }

  #spanAt(epochSeconds: number): Span {
    const number = Math.floor(epochSeconds / SPAN);
    if (number !== this.#number) {
      this.#span = this.#spans.get(number) ?? this.#explore(number);
      this.#number = number;
    }
    return this.#span;
  }

  /** Intl writes a text for each moment it is asked of, and we read it: too slow for every schedule. */
  #explore(number: number): Span {
    const [start, end] = [number * SPAN, (number + 1) * SPAN];
    const before = this.#lookUp(start);
    const after = this.#lookUp(end);
    const change = before === after ? Number.POSITIVE_INFINITY : this.#changeIn(start, end, before);
    const span = { before, change, after };
    if (this.#spans.size >= MOST_SPANS) this.#spans.clear();
    this.#spans.set(number, span);
    return span;
  }

  #changeIn(start: number, end: number, before: number): number {
    let [early, late] = [start, end];
    while (late - early > 1) {
      const middle = Math.floor((early + late) / 2);
      if (this.#lookUp(middle) === before) early = middle;
      else late = middle;
    }
    return late;
  }

  #lookUp(epochSeconds: number): number {
    const text = this.#format.format(epochSeconds * 1000);
    const [, sign, hours, minutes, seconds = 0] =
      /GMT([+-])(\d+):(\d+)(?::(\d+))?$/.exec(text) ?? [];
    const size = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds);
    return sign === '-' ? -size : size;
  }
}

const zones = new Map<string, TimeZone>();

/**
 * The zone of a name; one for all who ask for it, because it remembers what it has found out.
 *
 * @throws RangeError for a name that nobody knows
 */
export function timeZone(name: string): TimeZone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = new TimeZone(name);
  if (zones.size >= MOST_ZONES) zones.clear();
  zones.set(name, zone);
  return zone;
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
