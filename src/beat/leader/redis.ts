/**
 * Leaders elected in Redis. A lease ends by the clock of the server; every script looks whose it
 * is in the same step in which it writes.
 */
import { redisUrlForPeople } from '../../drivers/redis/client.ts';
import { RedisSession, type RedisSettings } from '../../drivers/redis/session.ts';
import type { ServerUrl } from '../../drivers/url.ts';
import { LeadershipLost } from '../../schedule-stores/errors.ts';
import { type Claim, type Election, LEASE, type Lease, type Remembered } from './contract.ts';
import { Memory } from './memory-of-claims.ts';

export interface RedisElectionOptions {
  readonly settings: RedisSettings;
  /** Beats of one name elect one leader. */
  readonly name: string;
  /** Seconds; default 12. */
  readonly lease?: number;
}

/**
 * Seconds after which keys of beats that are no more go away. A token is no smaller than the
 * time in milliseconds, so that it rises even then.
 */
const KEPT = 30 * 86_400;

/** KEYS: leader (`TOKEN OWNER`, with the lease as its time to live), token, claims by entry. */
const OWNED = `
local leader = redis.call('GET', KEYS[1])
local isMine
if leader then isMine = string.match(leader, '^(%d+) ') == ARGV[1]
-- it ended, and nobody has been elected since
else isMine = redis.call('GET', KEYS[2]) == ARGV[1] end
if not isMine then return 0 end
`;
const EXTEND = `
if leader then redis.call('PEXPIRE', KEYS[1], ARGV[3])
else redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3]) end
`;

const SCRIPTS = {
  /** ARGV: owner, lease in ms, seconds to keep. */
  electLeader: {
    numberOfKeys: 3,
    lua: `
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = tonumber(redis.call('GET', KEYS[2]) or '0') or 0
local token = string.format('%.0f', math.max(before + 1, now))
redis.call('SET', KEYS[2], token, 'EX', ARGV[3])
redis.call('SET', KEYS[1], token .. ' ' .. ARGV[1], 'PX', ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[3])
return {token, redis.call('HGETALL', KEYS[3])}
`,
  },
  /** ARGV: token, owner, lease in ms, seconds to keep. */
  extendLease: {
    numberOfKeys: 3,
    lua: `${OWNED}${EXTEND}
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('EXPIRE', KEYS[3], ARGV[4])
return 1
`,
  },
  /** ARGV: token, owner, lease in ms, seconds to keep; then names and values. */
  claimSlots: {
    numberOfKeys: 3,
    lua: `${OWNED}${EXTEND}
for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[3], ARGV[4])
return 1
`,
  },
  /** ARGV: token; then names. */
  forgetEntries: {
    numberOfKeys: 3,
    lua: `${OWNED}
for i = 2, #ARGV do redis.call('HDEL', KEYS[3], ARGV[i]) end
return 1
`,
  },
  /** ARGV: token. */
  giveUpLease: {
    numberOfKeys: 3,
    lua: `${OWNED}
redis.call('DEL', KEYS[1])
return 1
`,
  },
} as const;

export class RedisElection implements Election {
  readonly info: string;
  readonly #session: RedisSession<typeof SCRIPTS>;
  readonly #keys: readonly [leader: string, token: string, claims: string];
  readonly #lease: number;

  constructor(urls: readonly [ServerUrl, ...ServerUrl[]], options: RedisElectionOptions) {
    const { settings, name, lease = LEASE } = options;
    this.info = redisUrlForPeople(urls[0]);
    this.#lease = lease;
    this.#session = new RedisSession({
      urls,
      settings,
      scripts: SCRIPTS,
      // there is time for a second try before the lease ends
      socketTimeout: lease / 3,
    });
    const prefix = `${settings.transportOptions.global_keyprefix ?? ''}tscelery-beat:${name}:`;
    this.#keys = [`${prefix}leader`, `${prefix}token`, `${prefix}claims`];
  }

  async start(): Promise<void> {
    await this.#session.run('connecting to Redis', client => client.ping());
  }

  async stop(): Promise<void> {
    this.#session.close();
  }

  async acquire(owner: string): Promise<Lease | undefined> {
    const leaseMs = Math.round(this.#lease * 1000);
    const askedAt = performance.now();
    const answer = await this.#session.run('asking for the lead', client =>
      client.electLeader(...this.#keys, owner, leaseMs, KEPT),
    );
    if (!Array.isArray(answer)) return undefined;
    const [token, fields] = answer as [string, string[]];
    const terms: Terms = { session: this.#session, keys: this.#keys, owner, token, leaseMs };
    return new RedisLease(terms, rememberedIn(fields), askedAt + leaseMs);
  }

  async holder(): Promise<string | undefined> {
    const leader = await this.#session.run('asking who leads', client => client.get(this.#keys[0]));
    return leader?.replace(/^\d+ /, '');
  }
}

interface Terms {
  readonly session: RedisSession<typeof SCRIPTS>;
  readonly keys: readonly [string, string, string];
  readonly owner: string;
  readonly token: string;
  readonly leaseMs: number;
}

class RedisLease implements Lease {
  readonly token: number;
  readonly remembered: ReadonlyMap<string, Remembered>;
  readonly #terms: Terms;
  readonly #memory: Memory;
  /** Until then nobody else can have it, by the clock of this process. */
  #safeUntilMs: number;
  #isOver = false;

  constructor(terms: Terms, remembered: ReadonlyMap<string, Remembered>, safeUntilMs: number) {
    this.#terms = terms;
    this.token = Number(terms.token);
    this.remembered = remembered;
    this.#memory = new Memory(remembered);
    this.#safeUntilMs = safeUntilMs;
  }

  async renew(): Promise<boolean> {
    if (this.#isOver) return false;
    const { session, keys, owner, token, leaseMs } = this.#terms;
    const askedAt = performance.now();
    try {
      const answer = await session.run('renewing the lease', client =>
        client.extendLease(...keys, token, owner, leaseMs, KEPT),
      );
      this.#isOver ||= answer !== 1;
      this.#safeUntilMs = askedAt + leaseMs;
      return !this.#isOver;
    } catch {
      // the next renewal, over a new connection, may be in time
      return performance.now() < this.#safeUntilMs;
    }
  }

  async claim(claims: readonly Claim[], sent: readonly string[]): Promise<void> {
    const { session, keys, owner, token, leaseMs } = this.#terms;
    const changes = this.#memory.changes(claims, sent);
    const values = changes.flatMap(each => [each.name, JSON.stringify(each)]);
    const askedAt = performance.now();
    if (this.#isOver) throw lost();
    const answer = await session.run('claiming due times', client =>
      client.claimSlots(...keys, token, owner, leaseMs, KEPT, ...values),
    );
    if (answer !== 1) {
      this.#isOver = true;
      throw lost();
    }
    this.#safeUntilMs = askedAt + leaseMs;
    this.#memory.keep(changes);
  }

  async forget(names: readonly string[]): Promise<void> {
    if (this.#isOver || names.length === 0) return;
    const { session, keys, token } = this.#terms;
    await session.run('forgetting entries', client =>
      client.forgetEntries(...keys, token, ...names),
    );
    this.#memory.forget(names);
  }

  async release(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const { session, keys, token } = this.#terms;
    // a server that cannot be reached lets it run out
    await session
      .run('giving up the lease', client => client.giveUpLease(...keys, token))
      .catch(() => {});
  }
}

const lost = () => new LeadershipLost('Another beat has been elected: nothing more is sent here.');

/** What cannot be read was not written by us, and is of no use. */
function rememberedIn(fields: readonly string[]): Map<string, Remembered> {
  const found = new Map<string, Remembered>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const remembered = Memory.read(fields[at + 1]!);
    if (remembered && remembered.name === fields[at]) found.set(fields[at]!, remembered);
  }
  return found;
}
