/**
 * The Lua scripts of the transport and their typed callers.
 *
 * No script parses JSON: tags are made by us, and what is stored in `unacked` is the raw list
 * item with text around it. Times are the server's: every node then agrees about a lease,
 * whatever its own clock says.
 */
import type { Redis } from 'ioredis';

/**
 * Settles deliveries and claims new ones, in one step.
 *
 * KEYS  1 unacked (hash)  2 unacked_index (zset)  3 held set of this consumer
 *       4 consumers (zset)  5… lists in the order in which they are served
 * ARGV  1 number of tags to settle, then those tags
 *       then: most messages to claim, consumer id, number of the first new tag,
 *       then for each list the text that ends a stored value: `, "", "<queue>"]`
 *       last: a message that is acknowledged at once if it is the first one claimed, or ''
 * Returns {settled tags that were still ours, 1 if the first message was acknowledged at once,
 *       list index, message, list index, message, …}; a list that cannot be read gives
 *       {…, -index, error}. New tags count up in that order. The tag of what was acknowledged
 *       at once is in the held set only, so that a lost reply leaves a trace of it.
 *       {-1}, and nothing is done, when the consumer was taken for dead.
 */
const TURN = `
local acks = tonumber(ARGV[1])
local beat = redis.call('ZSCORE', KEYS[4], ARGV[acks + 3])
if not beat or beat == '0' then return {-1} end
local settled = 0
if acks > 0 then
  local tags = {unpack(ARGV, 2, acks + 1)}
  settled = redis.call('HDEL', KEYS[1], unpack(tags))
  redis.call('ZREM', KEYS[2], unpack(tags))
  redis.call('SREM', KEYS[3], unpack(tags))
end
local reply = {settled, 0}
local left = tonumber(ARGV[acks + 2])
if left == 0 then return reply end
local prompt = ARGV[#ARGV]
local prefix = ARGV[acks + 3] .. '-'
local number = tonumber(ARGV[acks + 4])
local hash, index, held = {}, {}, {}
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
local function take(list, messages)
  local ending = ARGV[acks + list]
  for _, raw in ipairs(messages) do
    local tag = prefix .. string.format('%d', number)
    number = number + 1
    if raw == prompt and #held == 0 then
      reply[2] = 1
    else
      hash[#hash + 1] = tag
      hash[#hash + 1] = '[' .. raw .. ending
      index[#index + 1] = now
      index[#index + 1] = tag
    end
    held[#held + 1] = tag
    reply[#reply + 1] = list - 4
    reply[#reply + 1] = raw
  end
  left = left - #messages
end
for list = 5, #KEYS do
  if left <= 0 then break end
  local messages = redis.pcall('RPOP', KEYS[list], left)
  if messages and messages.err and string.find(messages.err, 'number of arg', 1, true) then
    -- Redis before 6.2 pops one at a time.
    repeat
      messages = redis.pcall('RPOP', KEYS[list])
      if messages and not messages.err then take(list, {messages}) end
    until not messages or messages.err or left <= 0
    if messages and not messages.err then messages = false end
  end
  if messages and messages.err then
    reply[#reply + 1] = 4 - list
    reply[#reply + 1] = messages.err
  elseif messages then
    take(list, messages)
  end
end
if #hash > 0 then
  redis.call('HSET', KEYS[1], unpack(hash))
  redis.call('ZADD', KEYS[2], unpack(index))
end
if #held > 0 then
  redis.call('SADD', KEYS[3], unpack(held))
end
return reply`;

/**
 * Takes messages that count as settled when delivered (noAck queues).
 *
 * KEYS  lists in the order in which they are served
 * ARGV  1 most messages to take
 * Returns {list index, message, …} or {…, -index, error}, as above.
 */
const TAKE = `
local reply = {}
local left = tonumber(ARGV[1])
for list = 1, #KEYS do
  while left > 0 do
    local raw = redis.pcall('RPOP', KEYS[list])
    if not raw then break end
    if raw.err then
      reply[#reply + 1] = -list
      reply[#reply + 1] = raw.err
      break
    end
    reply[#reply + 1] = list
    reply[#reply + 1] = raw
    left = left - 1
  end
end
return reply`;

/**
 * Puts held messages back into their lists. Whoever removes a tag from \`unacked\` restores
 * it, so two restorers never restore one message twice. A dead consumer gets the heartbeat 0
 * first: should it wake up, it cannot settle any more what was given to others.
 *
 * KEYS  1 unacked  2 unacked_index  3 held set the tags are in  4 consumers (zset)
 *       5… one list per message
 * ARGV  1 'RPUSH' (served next) or 'LPUSH' (served last)
 *       2 id of a consumer that must still be dead, or ''  3 its last heartbeat
 *       then tag and message for each
 * Returns the number put back; -1 when the consumer is alive after all.
 */
const RESTORE = `
if ARGV[2] ~= '' then
  local beat = redis.call('ZSCORE', KEYS[4], ARGV[2])
  if beat and beat ~= ARGV[3] and beat ~= '0' then return -1 end
  redis.call('ZADD', KEYS[4], 'XX', '0', ARGV[2])
end
local restored = 0
for i = 1, #KEYS - 4 do
  local tag = ARGV[2 + 2 * i]
  redis.call('ZREM', KEYS[2], tag)
  redis.call('SREM', KEYS[3], tag)
  if redis.call('HDEL', KEYS[1], tag) == 1 then
    redis.call(ARGV[1], KEYS[4 + i], ARGV[3 + 2 * i])
    restored = restored + 1
  end
end
return restored`;

/**
 * One heartbeat of a consumer.
 *
 * KEYS  1 consumers (zset)  2 held set
 * ARGV  1 consumer id  2 seconds after which a heartbeat is overdue  3 '1': not the first one
 * Returns {server time, size of the held set, then for each overdue consumer: id, last heartbeat},
 *       or {} when the consumer was taken for dead since its last heartbeat.
 */
const BEAT = `
if ARGV[3] == '1' then
  local beat = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if not beat or beat == '0' then return {} end
end
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
local overdue = string.format('(%.3f', tonumber(now) - tonumber(ARGV[2]))
local reply = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', overdue, 'WITHSCORES')
table.insert(reply, 1, redis.call('SCARD', KEYS[2]))
table.insert(reply, 1, now)
return reply`;

/**
 * Renews leases.
 *
 * KEYS  1 unacked_index
 * ARGV  tags
 * Returns how many of them are still in the index.
 */
const RENEW = `
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
local scores = {}
for _, tag in ipairs(ARGV) do
  scores[#scores + 1] = now
  scores[#scores + 1] = tag
end
return redis.call('ZADD', KEYS[1], 'XX', 'CH', unpack(scores))`;

/**
 * Says that a consumer takes from lists, so that others find what it took when it is dead.
 *
 * KEYS  1 consumers (zset)  2 set of the lists it takes from  3… its inboxes
 * ARGV  1 consumer id, then the list of each inbox
 * Returns 1; 0, and nothing is done, when the consumer was taken for dead.
 */
const OPEN = `
local beat = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not beat or beat == '0' then return 0 end
for i = 3, #KEYS do
  if redis.call('TYPE', KEYS[i]).ok == 'string' then redis.call('DEL', KEYS[i]) end
end
redis.call('SADD', KEYS[2], unpack(ARGV, 2))
return 1`;

/**
 * Gives back what a consumer took and has not claimed: to the ends of the lists that are served
 * next, the oldest first in line. An inbox may be sealed, with a key of another type: a move into
 * it that is still on its way, after a cut or a pause of any length, fails and leaves the message
 * where it is.
 *
 * KEYS  1 consumers (zset)  2 set of the lists it takes from  3… inbox and list by turns
 * ARGV  1 id of a consumer that must still be dead, or ''  2 its last heartbeat
 *       3 '1': nothing will be taken any more
 *       then for each inbox: seconds for which it is sealed, or 0
 * Returns {how many were given back, how many inboxes could not be emptied};
 *       {-1} when the consumer is alive after all.
 */
const GIVE_BACK = `
if ARGV[1] ~= '' then
  local beat = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if beat and beat ~= ARGV[2] and beat ~= '0' then return {-1} end
  redis.call('ZADD', KEYS[1], 'XX', '0', ARGV[1])
end
local count, refused = 0, 0
for i = 3, #KEYS, 2 do
  local inbox, list = KEYS[i], KEYS[i + 1]
  local moved = false
  if redis.call('TYPE', inbox).ok == 'list' then
    repeat
      moved = redis.pcall('LMOVE', inbox, list, 'LEFT', 'RIGHT')
      if moved and not moved.err then count = count + 1 end
    until not moved or moved.err
  end
  if moved then
    refused = refused + 1
  elseif ARGV[3] == '1' then
    redis.call('SREM', KEYS[2], list)
    local seal = tonumber(ARGV[3 + (i - 1) / 2])
    if seal > 0 then redis.call('SET', inbox, 'sealed', 'EX', seal) end
  end
end
return {count, refused}`;

/**
 * Forgets a consumer that holds nothing any more.
 *
 * KEYS  1 consumers (zset)  2 held set  3 set of the lists it takes from
 * ARGV  1 consumer id  2 the heartbeat it must still have (0 will do too), or '' for any
 * Returns 1 when it was forgotten.
 */
const FORGET = `
if redis.call('SCARD', KEYS[2]) + redis.call('SCARD', KEYS[3]) > 0 then return 0 end
local beat = redis.call('ZSCORE', KEYS[1], ARGV[1])
if ARGV[2] ~= '' and beat ~= ARGV[2] and beat ~= '0' then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])`;

/**
 * Gives a lock back if it is still ours, as kombu does.
 *
 * KEYS  1 lock
 * ARGV  1 token
 */
const UNLOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

export const SCRIPTS = {
  tsceleryTurn: { lua: TURN },
  tsceleryTake: { lua: TAKE },
  tsceleryRestore: { lua: RESTORE },
  tsceleryBeat: { lua: BEAT, numberOfKeys: 2 },
  tsceleryRenew: { lua: RENEW, numberOfKeys: 1 },
  tsceleryOpen: { lua: OPEN },
  tsceleryGiveBack: { lua: GIVE_BACK },
  tsceleryForget: { lua: FORGET, numberOfKeys: 3 },
  tsceleryUnlock: { lua: UNLOCK, numberOfKeys: 1 },
} as const;

type Script = (...args: (string | number)[]) => Promise<unknown>;

/** A client with our scripts defined on it (`createRedisClient` with `scripts: SCRIPTS`). */
export type ScriptedRedis = Redis & Record<keyof typeof SCRIPTS, Script>;
