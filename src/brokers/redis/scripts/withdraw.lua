#!lua flags=allow-oom
-- Takes jobs that wait out of the queue, for another broker has them: as if they had been cancelled and purged.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 64 ids.
-- Gives for each 0 withdrawn, 1 leased, 2 final, 3 unknown: Withdrawn.
begin()
fetch({unpack(ARGV, 4)})
local reply = {}
for i = 4, #ARGV do
  local job = find(ARGV[i])
  if not job then
    reply[#reply + 1] = 3
  elseif is_final(job) then
    reply[#reply + 1] = 2
  elseif job[STATE] == LEASED then
    reply[#reply + 1] = 1
  else
    finish(job, CANCELLED)
    forget(job)
    add(P .. 'T', now + KNOWN_FOR - 0.5, job[ID])
    reply[#reply + 1] = 0
  end
end
flush()
return reply
