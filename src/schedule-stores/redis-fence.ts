/**
 * The beginning of a script that writes for a leader: it returns 0 when a later one has written, whose
 * token is the key's. ARGV[1] is the token, 0 of a beat that needs no leader.
 */
export const fence = (key: string): string => `
local token = tonumber(ARGV[1])
if token > 0 then
  local seen = tonumber(redis.call('GET', ${key}) or '0') or 0
  if seen > token then return 0 end
  if seen < token then redis.call('SET', ${key}, ARGV[1]) end
end
`;
