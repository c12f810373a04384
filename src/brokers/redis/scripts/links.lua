-- What a job waits for, and what waits for it. Who waits knows only for how many: they are looked for, piece by piece of
-- the list of all jobs, from the job on backwards, for it was enqueued after them.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4..8] walk.lua, the newest first; [9] the job; [10] how many of each at
-- most.
-- Gives {the number to go on behind (0: the end), what it waits for in this piece, how many jobs were looked at, what it
-- waits for in other shards, how many wait for it, the first of these}.
begin()
local id, most, found = ARGV[9], ARGV[10], {}
local next_after, looked = walk(function(job)
  if has(job, HAS_DEPENDENTS) and not is_final(job) and call('ZSCORE', P .. 'd' .. job[ID], id) then
    found[#found + 1] = job[ID]
  end
  return true
end)
local dependents = P .. 'd' .. id
return {next_after, found, looked, call('SRANDMEMBER', P .. 'F' .. id, most), call('ZCARD', dependents),
  call('ZRANGE', dependents, '0', most - 1)}
