#!lua flags=allow-oom
-- Takes back what workers held whose processes are known to be gone.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] where to begin among the leases; [5] their machine;
-- then incarnations.
-- Gives where to go on, -1 at the end; the incarnations are forgotten then.
begin()
local dead = {}
for i = 6, #ARGV do dead[ARGV[i]] = true end
local from = tonumber(ARGV[4])
local ids = call('ZRANGE', P .. 'l', from, from + UNITS - 1)
fetch(ids)
local lost = {}
for _, id in ipairs(ids) do
  local job = find(id)
  if job and job[STATE] == LEASED and dead[job[OWNER]] then lost[#lost + 1] = job end
end
table.sort(lost, function(a, b) return a[TOKEN] < b[TOKEN] end)
for _, job in ipairs(lost) do recover(job) end
local at_end = #ids < UNITS
if at_end then call('HDEL', P .. 'W' .. ARGV[5], unpack(ARGV, 6)) end
flush()
return at_end and -1 or from + UNITS - #lost
