#!lua flags=allow-oom
-- Takes back what workers held whose processes are known to be gone.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] [5] the score and id of the lease behind which to begin, '' at first;
-- [6] their machine; then incarnations.
-- Gives the score and id behind which to go on; nothing at the end, and the incarnations are forgotten then.
begin()
local dead = {}
for i = 7, #ARGV do dead[ARGV[i]] = true end
local from = 0
if ARGV[5] ~= '' then   -- others may have ended or extended that one; then from the first of its score on, once more
  local still = call('ZSCORE', P .. 'l', ARGV[5]) == ARGV[4] and call('ZRANK', P .. 'l', ARGV[5])
  from = still and still + 1 or call('ZCOUNT', P .. 'l', '-inf', '(' .. ARGV[4])
end
local found, ids = call('ZRANGE', P .. 'l', from, from + UNITS - 1, 'WITHSCORES'), {}
for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
fetch(ids)
local lost = {}
for _, id in ipairs(ids) do
  local job = find(id)
  if job and job[STATE] == LEASED and dead[job[OWNER]] then lost[#lost + 1] = job end
end
table.sort(lost, function(a, b) return a[TOKEN] < b[TOKEN] end)
for _, job in ipairs(lost) do recover(job) end
flush()
if #ids == UNITS then return {found[#found], ids[UNITS]} end
call('HDEL', P .. 'W' .. ARGV[6], unpack(ARGV, 7))
for _, key in ipairs({'A', 'D'}) do call('ZREM', P .. key, unpack(ARGV, 7)) end
return {}
