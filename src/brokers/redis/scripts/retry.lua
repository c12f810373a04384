#!lua flags=allow-oom
-- Makes jobs that ended without success ready again.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 64 ids.
-- Gives for each 1 where it did.
begin()
fetch({unpack(ARGV, 4)})
local reply = {}
for i = 4, #ARGV do
  local job = find(ARGV[i])
  if job and is_final(job) and job[STATE] ~= DONE then
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
return reply
