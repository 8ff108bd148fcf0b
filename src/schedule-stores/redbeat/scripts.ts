/** What is read or written in one step. KEYS: the sorted set, the set of the code's names, the token. */

import { fence } from '../redis-fence.ts';

export const SCRIPTS = {
  /** ARGV: `1` for everything, without it only what tells one state of the definitions from another. */
  loadRedBeat: {
    numberOfKeys: 3,
    lua: `
local digest = ''
local rows = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local kind = redis.call('TYPE', key).ok
  local fields = {false, false, false, false}
  if kind == 'hash' then fields = redis.call('HMGET', key, 'definition', 'meta', 'tscelery', 'tscelery_before') end
  digest = redis.sha1hex(digest .. key .. '\\n' .. (fields[1] or '') .. '\\n' .. (fields[3] or ''))
  if ARGV[1] == '1' then rows[#rows + 1] = {key, fields[1], fields[2], fields[3], fields[4]} end
end
if ARGV[1] ~= '1' then return digest end
return {digest, rows, redis.call('SMEMBERS', KEYS[2])}
`,
  },
  /**
   * ARGV: key, definition, what is ours or nothing, meta of a new one, its next due time, `1` when the
   * meta of one that is there is replaced, too; its name when it is one of the code.
   */
  putRedBeatEntry: {
    numberOfKeys: 3,
    lua: `
local key = ARGV[1]
local isNew = redis.call('HEXISTS', key, 'definition') == 0
redis.call('HSET', key, 'definition', ARGV[2])
if ARGV[3] == '' then redis.call('HDEL', key, 'tscelery')
else redis.call('HSET', key, 'tscelery', ARGV[3]) end
if isNew or ARGV[6] == '1' or redis.call('HEXISTS', key, 'meta') == 0 then
  redis.call('HSET', key, 'meta', ARGV[4])
end
redis.call('ZADD', KEYS[1], ARGV[5], key)
if ARGV[7] ~= '' then redis.call('SADD', KEYS[2], ARGV[7]) end
return 1
`,
  },
  /** ARGV: key, name. */
  removeRedBeatEntry: {
    numberOfKeys: 3,
    lua: `
redis.call('SREM', KEYS[2], ARGV[2])
local wasThere = redis.call('ZREM', KEYS[1], ARGV[1])
return math.max(wasThere, redis.call('DEL', ARGV[1]))
`,
  },
  /**
   * ARGV: key, the definition as it was read, the one in its place; of one that is resumed also its
   * meta, its meta of before, and its next due time.
   */
  replaceRedBeatDefinition: {
    numberOfKeys: 3,
    lua: `
if redis.call('HGET', ARGV[1], 'definition') ~= ARGV[2] then return 0 end
redis.call('HSET', ARGV[1], 'definition', ARGV[3])
if ARGV[4] then
  redis.call('HSET', ARGV[1], 'meta', ARGV[4], 'tscelery_before', ARGV[5])
  redis.call('ZADD', KEYS[1], ARGV[6], ARGV[1])
end
return 1
`,
  },
  /** ARGV: token, 0 of a beat that needs no leader; then keys, metas and next due times. */
  saveRedBeatRuns: {
    numberOfKeys: 3,
    lua: `${fence('KEYS[3]')}for i = 2, #ARGV, 3 do
  if redis.call('HEXISTS', ARGV[i], 'definition') == 1 then
    redis.call('HSET', ARGV[i], 'meta', ARGV[i + 1])
    redis.call('ZADD', KEYS[1], ARGV[i + 2], ARGV[i])
  end
end
return 1
`,
  },
} as const;
