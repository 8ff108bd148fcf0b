import type { TaskDefinition } from '../../app/tasks/definition.ts';
import type { Clock } from '../../base/time/clock.ts';
import { perSecond } from '../../base/time/rate.ts';
import type { Request } from '../request.ts';
import { RateBucket } from './rate-bucket.ts';

export class RateLimits {
  readonly #clock: Clock;
  readonly #release: (request: Request, isLate: boolean) => void;
  readonly #buckets = new Map<string, RateBucket<Request>>();
  /** As remote control said it, since it is shown so; null is no limit. */
  readonly #overrides = new Map<string, string | number | null>();

  constructor(clock: Clock, release: (request: Request, isLate: boolean) => void) {
    this.#clock = clock;
    this.#release = release;
  }

  /** Take the request until its time comes. False when its task has no limit: then nothing is done. */
  hold(request: Request, isLate: boolean): boolean {
    const { name, resolved } = request.task;
    const known = this.#buckets.get(name);
    if (known) {
      this.#wait(known, request, isLate);
      return true;
    }
    if (resolved.rateLimit === null || this.#overrides.get(name) === null) return false;
    const rate = perSecond(resolved.rateLimit);
    if (rate === 0) return false;
    this.#wait(this.#open(name, rate), request, isLate);
    return true;
  }

  /** Whether requests of the task may have to wait. */
  limits({ name, resolved }: TaskDefinition): boolean {
    return this.#buckets.has(name) || resolved.rateLimit !== null;
  }

  /**
   * Another limit for a task; null or 0 is none. Celery: control command `rate_limit`.
   *
   * @throws RangeError for text that is no rate
   */
  set(name: string, limit: string | number | null): void {
    const rate = limit === null ? 0 : perSecond(limit);
    this.#overrides.set(name, rate === 0 ? null : limit);
    const bucket = this.#buckets.get(name);
    if (rate > 0) {
      if (bucket) bucket.setRate(rate);
      else this.#open(name, rate);
      return;
    }
    this.#buckets.delete(name);
    for (const request of bucket?.clear() ?? []) this.#letGo(request, true);
  }

  /** The limit that counts now, as it was said; null is none. */
  current({ name, resolved }: TaskDefinition): string | number | null {
    const override = this.#overrides.get(name);
    return override === undefined ? resolved.rateLimit : override;
  }

  withdraw(isMeant: (request: Request) => boolean): Request[] {
    return [...this.#buckets.values()].flatMap(bucket => bucket.withdraw(isMeant));
  }

  clear(): Request[] {
    return [...this.#buckets.values()].flatMap(bucket => bucket.clear());
  }

  #open(name: string, rate: number): RateBucket<Request> {
    const bucket = new RateBucket<Request>(rate, this.#clock, (request, isLate) =>
      this.#letGo(request, isLate),
    );
    this.#buckets.set(name, bucket);
    return bucket;
  }

  #letGo(request: Request, isLate: boolean): void {
    request.state = 'reserved';
    this.#release(request, isLate);
  }

  #wait(bucket: RateBucket<Request>, request: Request, isLate: boolean): void {
    request.state = 'limited';
    bucket.add(request, isLate);
  }
}
