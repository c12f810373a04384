-- The workers that were heard of last.
--
-- KEYS[1] the m of shard 0; ARGV[1..3] time (begin); [4] how many at most; then the incarnations of those that are asked
-- for, none: any. Gives {now, {incarnation, heard at, what announce.lua has written, ...}}.
begin()
local found = {}
local function tell(incarnation, heard_at)
  local written = call('HGET', P .. 'V', incarnation)
  if not written then return end
  local n = #found
  found[n + 1], found[n + 2], found[n + 3] = incarnation, tonumber(heard_at), written
end
if ARGV[5] then
  for i = 5, #ARGV do
    local heard_at = call('ZSCORE', P .. 'U', ARGV[i])
    if heard_at then tell(ARGV[i], heard_at) end
  end
else
  local newest = call('ZREVRANGE', P .. 'U', 0, ARGV[4] - 1, 'WITHSCORES')
  for i = 1, #newest, 2 do tell(newest[i], newest[i + 1]) end
end
return {now, found}
