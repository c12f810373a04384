-- Jobs for people and tools; put between the prelude and get.lua or list.lua.
--
-- For each job {id, header and short bodies, queue, handler, worker's name, lease's deadline (0: none), fields of x<id>}.
local function describe(job)
  local queue, handler = names_of(job)
  local worker = job[OWNER] ~= NOBODY and call('HGET', P .. 'w' .. job[OWNER], 'name') or ''
  local deadline = 0
  if job[STATE] == LEASED then deadline = (call('ZSCORE', P .. 'l', job.id) or 0) + steps end
  local fields = has(job, HAS_EXTRAS) and call('HGETALL', P .. 'x' .. job.id) or {}
  return {job.id, struct.pack(FORMAT, unpack(job, 1, OWNER)) .. job.tail, queue, handler, worker, deadline, fields}
end
