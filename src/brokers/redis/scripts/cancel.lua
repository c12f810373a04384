#!lua flags=allow-oom
-- Cancels, or asks the worker to.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 64 ids.
-- Gives for each 0 cancelled, 1 requested, 2 final, 3 unknown: CancelResult.
begin()
fetch({unpack(ARGV, 4)})
local reply, owners = {}, {}
for i = 4, #ARGV do
  local job = find(ARGV[i])
  local result
  if not job then
    result = 3
  elseif is_final(job) then
    result = job[STATE] == CANCELLED and 0 or 2   -- again after a lost reply: it did happen
  elseif job[STATE] == LEASED then
    result = 1
    if not has(job, CANCEL_REQUESTED) then
      set(job, CANCEL_REQUESTED)
      write_job(job)
      owners[job[OWNER]] = true
      changed = true
    end
  else
    result = 0
    finish(job, CANCELLED)
  end
  reply[#reply + 1] = result
end
flush()
for owner in pairs(owners) do tell(owner, '') end
return reply
