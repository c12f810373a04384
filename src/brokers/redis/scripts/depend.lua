#!lua flags=allow-oom
-- More that a job waits for, which enqueue.lua was told would follow.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); ARGV[4] id; ARGV[5] ids in a row; ARGV[6] '1': these are the last.
-- Gives 1. Repeating it changes nothing.
begin()
local job = find(ARGV[4])
if not job or not has(job, PREPARING) or job[STATE] ~= BLOCKED then return 1 end
local ids = {}
for k = 1, #ARGV[5], 16 do ids[#ids + 1] = string.sub(ARGV[5], k, k + 15) end
fetch(ids)
local seen = {}
for _, id in ipairs(ids) do
  local other = find(id)
  if other and not is_final(other) and other ~= job then
    local key = P .. 'd' .. id
    if not seen[id] and not call('ZSCORE', key, job[ID]) then
      seen[id] = true
      add(key, job[ORDER], job[ID])
      set(other, HAS_DEPENDENTS)
      write_job(other)
      job[WAITS_FOR] = job[WAITS_FOR] + 1
    end
  end
end
if ARGV[6] == '1' then
  clear(job, PREPARING)
  job[WAITS_FOR] = job[WAITS_FOR] - 1
  if job[WAITS_FOR] == 0 then
    leave(job)
    make_runnable(job, math.max(job[RUN_AT], now))
  end
end
write_job(job)
flush()
return 1
