#!lua flags=allow-oom
-- What a job waits for in other shards, which enqueue.lua was told would follow.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] id; [5] the others in a row: 2 bytes of the shard, 16 of the id;
-- [6] '1': these are the last. Gives 1. Repeating it changes nothing.
begin()
local job = find(ARGV[4])
if not job or not has(job, PREPARING) or job[STATE] ~= BLOCKED then return 1 end
local ids = {}
for k = 1, #ARGV[5], 18 do
  local shard, id = sub(ARGV[5], k, k + 1), sub(ARGV[5], k + 2, k + 17)
  ids[#ids + 1] = id
  add(P .. 'X', now + 1000, 'R' .. job[ID] .. shard .. id)   -- by then its producer has said it itself
end
if #ids > 0 then
  call('SADD', P .. 'F' .. job[ID], unpack(ids))
  if not has(job, WAITS_FAR) then
    set(job, WAITS_FAR)
    job[WAITS_FOR] = job[WAITS_FOR] + 1
  end
end
if ARGV[6] == '1' then
  clear(job, PREPARING)
  job[WAITS_FOR] = job[WAITS_FOR] - 1
end
write_job(job)
flush()
return 1
