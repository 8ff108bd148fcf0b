/**
 * What happens to the keys of a chord, each in one step: Python's workers write `.j`, `.s` and
 * `.t` at the same time.
 *
 * KEYS of all of them: the parts (`.j`), the size (`.s`), what it has grown by (`.t`), and ours:
 * the claim, what was told by us, and the mark that the chord is closed. Keys of ours always
 * expire, since Python does not delete them when it closes the chord.
 */
import { script } from './script.ts';

/** Seconds that keys of ours live when results live for ever; each part renews them. */
const OWN_TTL = 86_400;

const COMMON = `
local parts, size, grown = KEYS[1], KEYS[2], KEYS[3]
local claim, told, closed = KEYS[4], KEYS[5], KEYS[6]
local ttl = tonumber(ARGV[1])
local ownTtl = ttl > 0 and ttl or ${OWN_TTL}
local function renew()
  redis.call('EXPIRE', told, ownTtl)
  if ttl > 0 then
    redis.call('EXPIRE', parts, ttl)
    redis.call('EXPIRE', size, ttl)
    redis.call('EXPIRE', grown, ttl)
  end
end
`;

/** ARGV: seconds to live (0 for ever), the size. */
export const SET_SIZE = script(`${COMMON}
if redis.call('EXISTS', closed) == 1 then return end
if ttl > 0 then
  redis.call('SET', size, ARGV[2], 'EX', ttl)
else
  redis.call('SET', size, ARGV[2])
end
`);

/** ARGV: seconds to live, how many parts more, an id of this wish, which may arrive twice. */
export const GROW = script(`${COMMON}
if redis.call('EXISTS', closed) == 1 then return end
if redis.call('SISMEMBER', told, 'grow ' .. ARGV[3]) == 0 then
  redis.call('INCRBY', grown, ARGV[2])
  redis.call('SADD', told, 'grow ' .. ARGV[3])
end
renew()
`);

/** Parts at the end of a list that are looked through for another of the same task. */
const LOOKED_THROUGH = 1000;

/**
 * Parts of one chord that have ended.
 *
 * ARGV     seconds to live; 1 when parts are a list; who claims; milliseconds until somebody else may;
 *          of each part the place in the header, +inf for none, the task's id, the part, and how all
 *          parts of this task begin, '' when that is not known
 * returns  all parts (each followed by its place unless they are a list) for the one caller who now
 *          has to close the chord
 *
 * A task counts once, whatever is told of it later. Python leaves no ids, but texts of one task
 * with one place stand beside each other in the sorted set, so a look at the neighbours will do.
 * When Python itself told two of one task, the ids are counted.
 */
export const ADD_PARTS = script(`${COMMON}
local isList, claimant, lease = ARGV[2] == '1', ARGV[3], ARGV[4]
local function isSame(part, head, other)
  return other == part or (head ~= '' and string.sub(other, 1, #head) == head)
end
local function addToList(part, head)
  for _, other in ipairs(redis.call('LRANGE', parts, -${LOOKED_THROUGH}, -1)) do
    if isSame(part, head, other) then return end
  end
  redis.call('RPUSH', parts, part)
end
local function addToSet(place, part, head)
  if redis.call('ZADD', parts, 'NX', place, part) == 0 or head == '' then return end
  if redis.call('ZCOUNT', parts, place, place) == 1 then return end
  local score = redis.call('ZSCORE', parts, part)
  local rank = redis.call('ZRANK', parts, part)
  local around = redis.call('ZRANGE', parts, math.max(rank - 1, 0), rank + 1, 'WITHSCORES')
  for i = 1, #around, 2 do
    if around[i] ~= part and around[i + 1] == score and isSame(part, head, around[i]) then
      redis.call('ZREM', parts, part)
      return
    end
  end
end

if redis.call('EXISTS', closed) == 1 then return false end
for i = 5, #ARGV, 4 do
  local place, id, part, head = unpack(ARGV, i, i + 3)
  if redis.call('SISMEMBER', told, 'part ' .. id) == 0 then
    if isList then addToList(part, head) else addToSet(place, part, head) end
    redis.call('SADD', told, 'part ' .. id)
  end
end
renew()
local expected = redis.call('GET', size)
if not expected then return false end
expected = tonumber(expected) + tonumber(redis.call('GET', grown) or 0)
if redis.call(isList and 'LLEN' or 'ZCARD', parts) < expected then return false end
local holder = redis.call('GET', claim)
if holder and holder ~= claimant then return false end

local found = isList and redis.call('LRANGE', parts, 0, -1)
  or redis.call('ZRANGE', parts, 0, -1, 'WITHSCORES')
local seen, tasks = {}, 0
for i = 1, #found, isList and 1 or 2 do
  local task = string.match(found[i], '^%[1, "(.-)", "') or found[i]
  if not seen[task] then
    seen[task] = true
    tasks = tasks + 1
  end
end
if tasks < expected then return false end
redis.call('SET', claim, claimant, 'PX', lease)
return found
`);

/** ARGV: seconds to live. */
export const CLOSE = script(`${COMMON}
redis.call('SET', closed, '1', 'EX', ownTtl)
redis.call('DEL', parts, size, grown, claim, told)
`);

/**
 * ARGV     seconds to live; 1 when parts are a list
 * returns  size, what it has grown by and the parts as above; false for a chord that is closed
 */
export const PROGRESS = script(`${COMMON}
if redis.call('EXISTS', closed) == 1 then return false end
local found = ARGV[2] == '1' and redis.call('LRANGE', parts, 0, -1)
  or redis.call('ZRANGE', parts, 0, -1, 'WITHSCORES')
return {redis.call('GET', size), redis.call('GET', grown), found}
`);
