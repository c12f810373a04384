-- Counts of some of the queues, and since when the longest waiting job of each could run.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] '0', then what the call before gave.
-- Gives {where to go on, '0' at the end; {queue, oldest, {state, jobs, ...}} of each}. One may come twice.
begin()
-- Within a level the first one has waited longest: one look for each priority that a stream has, up to 64.
local function oldest_of(key, oldest)
  local from = '-inf'
  for _ = 1, 64 do
    local first = call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if not first[1] then break end
    local job = find(first[1])
    if job and (oldest == 0 or job[RUN_AT] < oldest) then oldest = job[RUN_AT] end
    from = string.format('%.0f', (math.floor(first[2] / LEVEL) + 1) * LEVEL)
  end
  return oldest
end
local scanned, reply = call('HSCAN', P .. 'Q', ARGV[4], 'COUNT', UNITS), {}
local part = scanned[2]
for i = 1, #part, 2 do
  local name, number, oldest = part[i], part[i + 1], 0
  local found = call('HGETALL', P .. 'c' .. number)
  local states = {}
  for k = 1, #found, 2 do
    if found[k] ~= 'N' then
      states[#states + 1] = tonumber(found[k])
      states[#states + 1] = tonumber(found[k + 1])
    end
  end
  for _, stream in ipairs(call('ZRANGE', P .. 'f' .. number, 0, -1)) do oldest = oldest_of(P .. 'r' .. stream, oldest) end
  for _, stream in ipairs(call('ZRANGE', P .. 'g' .. number, 0, -1)) do oldest = oldest_of(P .. 'u' .. stream, oldest) end
  reply[#reply + 1] = {name, oldest, states}
end
return {scanned[1], reply}
