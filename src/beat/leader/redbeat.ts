/**
 * An election whose leader holds the lock of RedBeat besides, so that beats of Python on the same keys
 * wait meanwhile, and the other way round. The lock is taken over from a leader of ours that is no more.
 */
import { randomUUID } from 'node:crypto';
import { RedisSession } from '../../drivers/redis/session.ts';
import { LeadershipLost } from '../../schedule-stores/errors.ts';
import type { RedisPlace } from '../../schedule-stores/place.ts';
import type { Claim, Election, Lease, Remembered } from './contract.ts';

/** Seconds: RedBeat's is 25 minutes, since it extends the lock only when something is due. */
const DEFAULT_TIMEOUT = 30;
/** What redis-py writes is a UUID without hyphens. */
const OURS = 'tscelery:';

const SCRIPTS = {
  /** KEYS: lock. ARGV: our value, ms, how values of ours begin. */
  takeRedBeatLock: {
    numberOfKeys: 1,
    lua: `
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[3]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`,
  },
  /** KEYS: lock. ARGV: our value, ms. */
  extendRedBeatLock: {
    numberOfKeys: 1,
    lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`,
  },
  /** KEYS: lock. ARGV: our value. */
  releaseRedBeatLock: {
    numberOfKeys: 1,
    lua: `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`,
  },
} as const;

export interface RedBeatLockOptions {
  readonly place: RedisPlace;
  readonly key: string;
  /** Seconds for which the lock outlives its holder; default 30. */
  readonly timeout?: number | undefined;
}

/** The lock, of this process. */
class Lock {
  readonly #session: RedisSession<typeof SCRIPTS>;
  readonly #key: string;
  readonly #value = OURS + randomUUID();
  readonly #timeoutMs: number;

  constructor({ place, key, timeout }: RedBeatLockOptions) {
    this.#session = new RedisSession({ ...place, scripts: SCRIPTS });
    this.#key = key;
    this.#timeoutMs = Math.round((timeout ?? DEFAULT_TIMEOUT) * 1000);
  }

  async take(): Promise<boolean> {
    const taken = await this.#session.run("taking RedBeat's lock", client =>
      client.takeRedBeatLock(this.#key, this.#value, this.#timeoutMs, OURS),
    );
    return taken === 1;
  }

  async extend(): Promise<boolean> {
    const extended = await this.#session.run("extending RedBeat's lock", client =>
      client.extendRedBeatLock(this.#key, this.#value, this.#timeoutMs),
    );
    return extended === 1;
  }

  /** A server that cannot be reached lets it run out. */
  async release(): Promise<void> {
    await this.#session
      .run("releasing RedBeat's lock", client => client.releaseRedBeatLock(this.#key, this.#value))
      .catch(() => {});
  }

  /** Whether a beat of Python has it. */
  async isForeign(): Promise<boolean> {
    const held = await this.#session.run("reading RedBeat's lock", client => client.get(this.#key));
    return held !== null && !held.startsWith(OURS);
  }

  close(): void {
    this.#session.close();
  }
}

export class RedBeatElection implements Election {
  readonly #inner: Election;
  readonly #lock: Lock;

  /** @param inner elects among beats of ours */
  constructor(inner: Election, options: RedBeatLockOptions) {
    this.#inner = inner;
    this.#lock = new Lock(options);
  }

  get info(): string {
    return this.#inner.info;
  }

  start(): Promise<void> {
    return this.#inner.start();
  }

  async stop(): Promise<void> {
    this.#lock.close();
    await this.#inner.stop();
  }

  async acquire(owner: string): Promise<Lease | undefined> {
    const lease = await this.#inner.acquire(owner);
    if (!lease) return undefined;
    try {
      if (await this.#lock.take()) return new RedBeatLease(lease, this.#lock);
    } catch (error) {
      await lease.release();
      throw error;
    }
    await lease.release();
    return undefined;
  }

  async holder(): Promise<string | undefined> {
    if (await this.#lock.isForeign()) return 'a RedBeat of Python';
    return this.#inner.holder();
  }
}

class RedBeatLease implements Lease {
  readonly #inner: Lease;
  readonly #lock: Lock;

  constructor(inner: Lease, lock: Lock) {
    this.#inner = inner;
    this.#lock = lock;
  }

  get token(): number {
    return this.#inner.token;
  }

  get remembered(): ReadonlyMap<string, Remembered> {
    return this.#inner.remembered;
  }

  async renew(): Promise<boolean> {
    return (await this.#inner.renew()) && (await this.#lock.extend());
  }

  async claim(claims: readonly Claim[], sent: readonly string[]): Promise<void> {
    if (!(await this.#lock.extend())) {
      throw new LeadershipLost("RedBeat's lock is another beat's: nothing more is sent here.");
    }
    await this.#inner.claim(claims, sent);
  }

  forget(names: readonly string[]): Promise<void> {
    return this.#inner.forget(names);
  }

  async release(): Promise<void> {
    await this.#lock.release();
    await this.#inner.release();
  }
}
