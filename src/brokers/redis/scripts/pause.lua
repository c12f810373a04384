#!lua flags=allow-oom
-- Pauses a queue or resumes it. What has become ready meanwhile wakes those that can take it.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] queue; [5] '1': pause; [6] how many may be paused.
-- Gives 1 where it is as asked for, 0 where too many are paused.
begin()
local names, there = {}, false
for name in string.gmatch(paused or '', '[^\n]+') do
  if name == ARGV[4] then there = true else names[#names + 1] = name end
end
if there == (ARGV[5] == '1') then return 1 end
if not there then
  if #names >= tonumber(ARGV[6]) then return 0 end
  names[#names + 1] = ARGV[4]
  table.sort(names)
end
if names[1] then call('HSET', M, 'x', table.concat(names, '\n') .. '\n') else call('HDEL', M, 'x') end
local number = there and call('HGET', P .. 'Q', ARGV[4])
if number then
  for family, index in pairs({r = 'f', u = 'g'}) do
    for _, stream in ipairs(call('ZRANGE', P .. index .. number, '0', UNITS - 1)) do
      local key = number_of_stream(stream)
      waking[key] = (waking[key] or 0) + call('ZCARD', P .. family .. stream)
    end
  end
end
changed = there   -- 'v' also for those that wait by the version
counters = true
flush()
return 1
