-- Jobs that ended last: those that are forgotten last.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] how many at most.
-- Gives them as describe.lua says, less where these fill the reply; of the last moment it gives those that were added last.
begin()
local most, reply, seen = math.min(tonumber(ARGV[4]), UNITS), {}, {}
for _, time in ipairs(call('ZRANGE', P .. 'h', 0, most - 1, 'REV')) do
  local ids = call('LRANGE', P .. 'h' .. time, -(most - #reply), -1)
  fetch(ids)
  for i = #ids, 1, -1 do
    local job = not seen[ids[i]] and find(ids[i])
    seen[ids[i]] = true
    if job and is_final(job) and not is_full() then reply[#reply + 1] = describe(job) end
  end
  if #reply == most or is_full() then break end
end
return reply
