/**
 * What is written in one step. KEYS are entries, states (both by name), names that are paused, names
 * of the code, the version and the latest token.
 */
import { fence } from '../redis-fence.ts';

/** `resume(name, now)`: one that was paused goes on from now. Of two fields with a name JSON takes the last. */
const RESUME = `
local function resume(name, now)
  if redis.call('SREM', KEYS[3], name) == 0 then return end
  local state = redis.call('HGET', KEYS[2], name)
  if not state or string.sub(state, -1) ~= '}' then return end
  redis.call('HSET', KEYS[2], name, string.sub(state, 1, -2) .. ',"resumedAt":' .. now .. '}')
end
`;

export const SCRIPTS = {
  loadSchedule: {
    numberOfKeys: 6,
    lua: `
return {
  redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]), redis.call('SMEMBERS', KEYS[3]),
  redis.call('SMEMBERS', KEYS[4]), redis.call('GET', KEYS[5])
}
`,
  },
  /** ARGV: name, text and `1` or `0` for enabled of each. */
  putScheduleOfCode: {
    numberOfKeys: 6,
    lua: `
local given = {}
for i = 1, #ARGV, 3 do given[ARGV[i]] = true end
local isChanged = redis.call('EXISTS', KEYS[5]) == 0
for _, name in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  if not given[name] then
    redis.call('HDEL', KEYS[1], name)
    redis.call('HDEL', KEYS[2], name)
    redis.call('SREM', KEYS[3], name)
    redis.call('SREM', KEYS[4], name)
    isChanged = true
  end
end
for i = 1, #ARGV, 3 do
  local name, text = ARGV[i], ARGV[i + 1]
  local known = redis.call('HGET', KEYS[1], name)
  if not known and ARGV[i + 2] == '0' then redis.call('SADD', KEYS[3], name) end
  if known ~= text then
    redis.call('HSET', KEYS[1], name, text)
    isChanged = true
  end
  if redis.call('SADD', KEYS[4], name) == 1 then isChanged = true end
end
if isChanged then return redis.call('INCR', KEYS[5]) end
return 0
`,
  },
  /** ARGV: name, text, how it begins, `1` for enabled, `1` for one of the code, now. */
  putScheduleEntry: {
    numberOfKeys: 6,
    lua: `${RESUME}
local name, text, schedule = ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HGET', KEYS[1], name)
if not known or string.sub(known, 1, #schedule) ~= schedule then
  redis.call('HDEL', KEYS[2], name)
end
redis.call('HSET', KEYS[1], name, text)
if ARGV[4] == '1' then resume(name, ARGV[6]) else redis.call('SADD', KEYS[3], name) end
redis.call(ARGV[5] == '1' and 'SADD' or 'SREM', KEYS[4], name)
return redis.call('INCR', KEYS[5])
`,
  },
  /** ARGV: name. */
  removeScheduleEntry: {
    numberOfKeys: 6,
    lua: `
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('SREM', KEYS[4], ARGV[1])
return redis.call('INCR', KEYS[5])
`,
  },
  /** ARGV: name, `1` for enabled, now. */
  enableScheduleEntry: {
    numberOfKeys: 6,
    lua: `${RESUME}
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] == '1' then resume(ARGV[1], ARGV[3]) else redis.call('SADD', KEYS[3], ARGV[1]) end
return redis.call('INCR', KEYS[5])
`,
  },
  /** ARGV: token, 0 of a beat that needs no leader; then names and states. */
  saveScheduleRuns: {
    numberOfKeys: 6,
    lua: `${fence('KEYS[6]')}for i = 2, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
end
return 1
`,
  },
} as const;
