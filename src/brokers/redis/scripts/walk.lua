-- Walks over the jobs in the order of their creation; put between the prelude and list.lua or purge.lua.
--
-- ARGV[4] the creation number after which to begin; [5] state or ''; [6] queue or ''; [7] handler or ''.
-- Calls visit(job) for each that matches until it gives false, at most `most` jobs of any kind. Gives the number after
-- which to go on, 0 at the end.
local only_state, only_queue, only_handler = tonumber(ARGV[5]), ARGV[6], ARGV[7]
local function matches(job)
  if only_state and job[STATE] ~= only_state then return false end
  if only_queue == '' and only_handler == '' then return true end
  local queue, handler = names_of(job)
  return (only_queue == '' or queue == only_queue) and (only_handler == '' or handler == only_handler)
end
local function walk(most, visit)
  local after, looked = tonumber(ARGV[4]), 0
  while true do
    local bucket = call('ZRANGEBYSCORE', P .. 'O', math.floor((after + 1) / 128), '+inf', 'LIMIT', 0, 1)[1]
    if not bucket then return 0 end
    local entries, ids = call('HGETALL', P .. 'o' .. bucket), {}
    local found = {}
    for i = 1, #entries, 2 do
      local number = bucket * 128 + entries[i]
      if number > after then
        found[#found + 1] = {number, entries[i + 1]}
        ids[#ids + 1] = entries[i + 1]
      end
    end
    table.sort(found, function(a, b) return a[1] < b[1] end)
    fetch(ids)
    for _, entry in ipairs(found) do
      if looked == most then return after end
      looked = looked + 1
      local job = find(entry[2])
      if job and matches(job) and not visit(job) then return after end
      after = entry[1]
    end
    after = math.max(after, bucket * 128 + 127)
  end
end
