-- Jobs for people and tools; put between the prelude and get.lua, list.lua or ended.lua. A reply ends behind the job that
-- fills it.
--
-- For each job {id, header and short bodies, queue, handler, worker's name, lease's deadline (0: none), fields of x<id>,
-- its attempts only where they are asked for, and w: how many it waits for in other shards, which WAITS_FOR counts as one}.
local REPLY_BYTES, reply_bytes = 262144, 0
local function is_full() return reply_bytes >= REPLY_BYTES end
local workers = {[NOBODY] = ''}
local USUAL = {'e', 'm', 'p', 'n', 'b', 'h'}
local function fields_of(job, attempts)
  if not has(job, HAS_EXTRAS) then return {} end
  if attempts then return call('HGETALL', P .. 'x' .. job[ID]) end
  local fields = {}
  for i, value in ipairs(call('HMGET', P .. 'x' .. job[ID], unpack(USUAL))) do
    if value then
      fields[#fields + 1] = USUAL[i]
      fields[#fields + 1] = value
    end
  end
  return fields
end
local function describe(job, attempts)
  local queue, handler = names_of(number_of(job))
  local worker = workers[job[OWNER]]
  if not worker then
    worker = call('HGET', P .. 'w' .. job[OWNER], 'name') or ''
    workers[job[OWNER]] = worker
  end
  local deadline = 0
  if job[STATE] == LEASED then deadline = (call('ZSCORE', P .. 'l', job[ID]) or 0) + steps end
  local fields = fields_of(job, attempts)
  if job[STATE] == BLOCKED and has(job, WAITS_FAR) then
    fields[#fields + 1] = 'w'
    fields[#fields + 1] = tostring(call('SCARD', P .. 'F' .. job[ID]))
  end
  reply_bytes = reply_bytes + #job[TEXT]
  for _, field in ipairs(fields) do reply_bytes = reply_bytes + #field end
  return {job[ID], job[TEXT], queue, handler, worker, deadline, fields}
end
