/** Schedules that follow the sun. */
import { didYouMean } from '../base/text/nearest.ts';
import { saferepr } from '../base/text/saferepr.ts';
import { BaseSchedule } from './base-schedule.ts';
import type { Schedule, ScheduleContext, ScheduleData } from './contract.ts';
import { InvalidSchedule } from './errors.ts';
import { altitude, hourAngle } from './sun.ts';

const DAY = 86_400;
const HALF_DAY = DAY / 2;
/** Wherever one is, the sun crosses each of the horizons within a year. */
const HALF_DAYS_AHEAD = 2 * 367;

/** Degrees below the horizon, of which part of the sun, and which way it goes. */
interface Crossing {
  readonly horizon: number;
  readonly part: 'centre' | 'limb';
  readonly rises: boolean;
}

const CROSSINGS = {
  dawn_astronomical: { horizon: -18, part: 'centre', rises: true },
  dawn_nautical: { horizon: -12, part: 'centre', rises: true },
  dawn_civil: { horizon: -6, part: 'centre', rises: true },
  sunrise: { horizon: -34 / 60, part: 'limb', rises: true },
  solar_noon: undefined,
  sunset: { horizon: -34 / 60, part: 'limb', rises: false },
  dusk_civil: { horizon: -6, part: 'centre', rises: false },
  dusk_nautical: { horizon: -12, part: 'centre', rises: false },
  dusk_astronomical: { horizon: -18, part: 'centre', rises: false },
} as const satisfies Readonly<Record<string, Crossing | undefined>>;

/** In the order of a day. */
export type SolarEvent = keyof typeof CROSSINGS;

/** Celery: `celery.schedules.solar`. Made by `solar()`. */
export class SolarSchedule extends BaseSchedule {
  readonly event: SolarEvent;
  readonly latitude: number;
  readonly longitude: number;
  readonly #crossing: Crossing | undefined;

  /** @throws InvalidSchedule for an unknown event, and for what is no place on earth */
  constructor(
    event: SolarEvent,
    latitude: number,
    longitude: number,
    context?: Partial<ScheduleContext>,
  ) {
    super(context);
    checkEvent(event);
    checkDegrees('latitude', latitude, 90);
    checkDegrees('longitude', longitude, 180);
    this.event = event;
    this.latitude = latitude;
    this.longitude = longitude;
    this.#crossing = CROSSINGS[event];
  }

  override nextRun(after: Date): Date | null {
    const start = after.getTime();
    const first = Math.floor((start / 1000 - this.#meanNoon(0)) / HALF_DAY) - 2;
    for (let half = first; half <= first + HALF_DAYS_AHEAD; half++) {
      const due = this.#eventIn(half);
      if (due !== undefined && Math.round(due * 1000) > start)
        return new Date(Math.round(due * 1000));
    }
    return null;
  }

  override within(context: Partial<ScheduleContext>): Schedule {
    const { event, latitude, longitude } = this;
    return new SolarSchedule(event, latitude, longitude, { ...this.context, ...context });
  }

  override toString(): string {
    return `<solar: ${this.event} at latitude ${this.latitude}, longitude: ${this.longitude}>`;
  }

  override toJSON(): ScheduleData {
    const { event, latitude, longitude } = this;
    return { __type__: 'solar', event, latitude, longitude };
  }

  /**
   * The event in a half of a solar day, if there is one. It depends on nothing but the number of the
   * half, so that an event is the same moment whenever it is asked for.
   */
  #eventIn(half: number): number | undefined {
    const start = this.#culmination(half);
    const crossing = this.#crossing;
    if (crossing === undefined) return half % 2 === 0 ? start : undefined;
    const end = this.#culmination(half + 1);
    const isUp = (moment: number) => this.#altitude(moment, crossing) >= crossing.horizon;
    if (isUp(start) === crossing.rises || isUp(end) !== crossing.rises) return undefined;
    let [before, after] = [start, end];
    while (after - before > 0.0005) {
      const middle = (before + after) / 2;
      if (isUp(middle) === crossing.rises) after = middle;
      else before = middle;
    }
    return after;
  }

  #altitude(moment: number, { part }: Crossing): number {
    return altitude(moment, this.latitude, this.longitude, part);
  }

  /** When the sun is at its highest (even halves) or lowest. */
  #culmination(half: number): number {
    const target = half % 2 === 0 ? 0 : 180;
    let moment = this.#meanNoon(half);
    for (let step = 0; step < 4; step++) {
      const left = hourAngle(moment, this.longitude) - target;
      moment -= ((left < -180 ? left + 360 : left) * DAY) / 360;
    }
    return moment;
  }

  /** Noon by a clock that the sun is always within 17 minutes of, and the midnights between. */
  #meanNoon(half: number): number {
    return (half + 1) * HALF_DAY - (this.longitude * DAY) / 360;
  }
}

/**
 * Due when the sun rises, sets, is highest, or so far below the horizon that it dawns (`civil` 6°,
 * `nautical` 12°, `astronomical` 18°). Where an event does not come for months (polar day and night)
 * the next one is waited for. Own arithmetic, good for some seconds between the polar circles; Celery
 * needs the package ephem. Celery: `solar`.
 *
 * @param latitude degrees, north is positive
 * @param longitude degrees, east is positive
 * @throws InvalidSchedule for an unknown event, and for what is no place on earth
 */
export function solar(event: SolarEvent, latitude: number, longitude: number): SolarSchedule {
  return new SolarSchedule(event, latitude, longitude);
}

function checkEvent(event: unknown): asserts event is SolarEvent {
  if (typeof event === 'string' && Object.hasOwn(CROSSINGS, event)) return;
  const events = Object.keys(CROSSINGS);
  throw new InvalidSchedule(
    `solar: event ${saferepr(event)} is invalid, must be one of ${events.join(', ')}.${didYouMean(String(event), events)}`,
  );
}

function checkDegrees(name: string, value: unknown, limit: number): void {
  if (typeof value === 'number' && Math.abs(value) <= limit) return;
  throw new InvalidSchedule(
    `solar: ${name} ${saferepr(value)} is invalid, must be between -${limit} and ${limit}.`,
  );
}
