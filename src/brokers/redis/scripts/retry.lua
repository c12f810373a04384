#!lua flags=allow-oom
-- Makes jobs that ended without success ready again.
--
-- A job leaves the list of its end, last of all: where the clock is set forwards behind its next end, forget_due would take
-- that list for the one of then. (Where it was also set forwards before the retry, that list has another name.)
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 64 ids.
-- Gives for each 1 where it did.
begin()
fetch({unpack(ARGV, 4)})
local reply, lists = {}, {}
for i = 4, #ARGV do
  local job = find(ARGV[i])
  if job and is_final(job) and job[STATE] ~= DONE then
    lists[job[ID]] = digits(job[FINISHED_AT] - steps + guessed + job[TTL])
    leave(job)
    job[ATTEMPT], job[ALONE_CRASHES], job[WAITS_FOR], job[EXPIRES], job[FINISHED_AT] = 0, 0, 0, 0, 0
    clear(job, LOST_BEFORE)
    make_runnable(job, now)
    reply[#reply + 1] = 1
  else
    reply[#reply + 1] = 0
  end
end
flush()
for id, time in pairs(lists) do
  call('LREM', P .. 'h' .. time, '0', id)
  if call('EXISTS', P .. 'h' .. time) == 0 then call('ZREM', P .. 'h', time) end
end
return reply
