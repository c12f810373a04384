-- What becomes of jobs; behind jobs.lua.

local function is_suspect(job) return job[MAX_CRASHES] > 0 and job[CRASHES] >= 2 end
local function is_final(job) return job[STATE] >= DONE end
local function may_expire(job) return job[EXPIRES] ~= 0 and job[ATTEMPT] == 0 and job[CRASHES] == 0 end

-- The stream that holds a job while it is ready: its key, the key of the index of such streams, its name there.
local streams, suspect_streams = {}, {}
local function stream_named(queue, name, suspect)
  local known, number = suspect and suspect_streams or streams, queue * NAMES + name
  local stream = known[number]
  if not stream then
    local text = queue .. '.' .. name
    stream = {P .. (suspect and 'u' or 'r') .. text, P .. (suspect and 'g' or 'f') .. queue, text}
    known[number] = stream
  end
  return stream
end
local function stream_of(job) return stream_named(job[QUEUE], job[NAME], is_suspect(job)) end
local function number_of(job) return job[QUEUE] * NAMES + job[NAME] end

-- It stays in that list whatever becomes of it, and is looked at then.
local function list_to_forget(time)
  local key = P .. 'h' .. time
  if not pushes[key] then add(P .. 'h', time, time) end
  return list_of(pushes, key)
end
-- Where a job is: enter and leave are the only code that says so.
local function ready_score(priority, at) return format('%d', (1000 - priority) * LEVEL + at) end
local function enter(job, state)
  job[STATE] = state
  count(job[QUEUE], state, 1)
  if state == BLOCKED or state > DONE then add(P .. 'E' .. state, digits(job[ORDER]), job[ID]) end
  if state == SCHEDULED then
    local at = job[RUN_AT]
    if may_expire(job) and job[EXPIRES] < at then at = job[EXPIRES] end
    add(P .. 'z', digits(at), job[ID])
    if not scheduled_at or at < scheduled_at then scheduled_at = at end
  elseif state == READY then
    place = place + 1
    local stream, number = stream_of(job), number_of(job)
    add(stream[1], ready_score(job[PRIORITY], place), job[ID])
    fronts[stream[1]] = stream
    if may_expire(job) then add(P .. 'z', digits(job[EXPIRES]), job[ID]) end
    waking[number] = (waking[number] or 0) + 1
    changed = true
  elseif state >= DONE then
    local list = list_to_forget(digits(kept + job[TTL]))
    list[#list + 1] = job[ID]
    changed = true
  end
  write_job(job)
end
local function leave(job)
  local state = job[STATE]
  count(job[QUEUE], state, -1)
  if state == BLOCKED or state > DONE then remove(P .. 'E' .. state, job[ID]) end
  if state == SCHEDULED then
    remove(P .. 'z', job[ID])
  elseif state == READY then
    local stream = stream_of(job)
    remove(stream[1], job[ID])
    fronts[stream[1]] = stream
    if may_expire(job) then remove(P .. 'z', job[ID]) end
  elseif state == LEASED then
    remove(P .. 'l', job[ID])
  end
end
-- From outside every structure to ready, or to scheduled where `at` is still to come.
local function make_runnable(job, at)
  job[RUN_AT] = at
  enter(job, at > now and SCHEDULED or READY)
end

-- Those that waited for a job that has ended, up to UNITS in one script; the rest when somebody next comes by.
local releases = UNITS
local function release_dependents(id)
  if releases == 0 then
    add(P .. 'k', now, id)
    return
  end
  local itself = find(id)
  if itself and not is_final(itself) then   -- retried since: they wait for it again
    set(itself, HAS_DEPENDENTS)
    write_job(itself)
    remove(P .. 'k', id)
    return
  end
  local most = releases
  local waiting = call('ZRANGE', P .. 'd' .. id, 0, most - 1)
  releases = releases - #waiting
  fetch(waiting)
  for _, other in ipairs(waiting) do
    local job = find(other)
    if #other > 16 then add(P .. 'X', digits(now), 'E' .. other .. id) end   -- in another shard
    if job and job[STATE] == BLOCKED then
      job[WAITS_FOR] = job[WAITS_FOR] - 1
      write_job(job)
      if job[WAITS_FOR] == 0 then
        leave(job)
        make_runnable(job, math.max(job[RUN_AT], now))
      end
    end
  end
  if #waiting == most then add(P .. 'k', now, id) else remove(P .. 'k', id) end
  for _, other in ipairs(waiting) do remove(P .. 'd' .. id, other) end
end
local function finish(job, state)
  leave(job)
  job[FINISHED_AT] = now
  local waited_for = has(job, HAS_DEPENDENTS)
  clear(job, CANCEL_REQUESTED + HAS_DEPENDENTS)
  enter(job, state)
  if waited_for then release_dependents(job[ID]) end
end

-- The job's last error, and that of this attempt, which is the shorter one. A script that is repeated because it failed
-- midway finds this attempt there. `is_full` says whether there is no room for one more, which then takes the place of the
-- newest; it is asked of a second attempt at the earliest, so a failure that stays the only one costs no look.
local function keep_failure(job, worker, kind, message, brief, is_full)
  local kept = has(job, HAS_EXTRAS) and call('HGET', P .. 'x' .. job[ID], 'a') or ''
  local count, newest = string.match(kept, '^(%d+) (%d+)$')
  count = tonumber(count) or 0
  if count == 0 or (tonumber(newest) ~= job[TOKEN] and not (is_full and is_full())) then count = count + 1 end
  extras(job, 'e', kind, 'm', message, 'a', digits(count) .. ' ' .. digits(job[TOKEN]), 'a' .. (count - 1) % ATTEMPTS,
         pack(ATTEMPT_HEADER, job[ATTEMPT], job[STARTED_AT], now, worker, kind) .. brief)
end
-- The worker that has it is gone, or was not heard of for a lease.
local function recover(job)
  local quarantine = false
  if has(job, STARTED) then
    job[CRASHES] = job[CRASHES] + 1
    if has(job, ALONE) then job[ALONE_CRASHES] = job[ALONE_CRASHES] + 1 end
    quarantine = has(job, ALONE) and job[MAX_CRASHES] ~= 0 and job[ALONE_CRASHES] >= job[MAX_CRASHES]
    local name = call('HGET', P .. 'w' .. job[OWNER], 'name') or ''
    local who = name == '' and 'its worker' or 'worker ' .. name
    local kind, message = 'crash', who .. ' died or was not heard of while it ran this job'
    if quarantine then
      kind = 'quarantine'
      message = who .. ' died while it ran nothing but this job, ' .. job[ALONE_CRASHES] .. ' times now'
    end
    keep_failure(job, name, kind, message, message)
  end
  job[ATTEMPT] = job[ATTEMPT] - 1
  set(job, LOST_BEFORE)
  if has(job, CANCEL_REQUESTED) then
    finish(job, CANCELLED)
  elseif quarantine then
    finish(job, DEAD)
  elseif may_expire(job) and job[EXPIRES] <= now then
    finish(job, EXPIRED)
  else
    leave(job)
    make_runnable(job, now)
  end
end

-- `ended`: by `kept`; where that is not known, no later than it was.
local function forget(job, ended)
  leave(job)
  local until_when = (ended or math.min(job[FINISHED_AT], kept)) + KNOWN_FOR
  if until_when > kept then add(P .. 'T', digits(until_when), job[ID]) end
  delete_job(job)
end
-- Forgets what is due, of at most so many jobs, and writes that. Gives how many it looked at.
local function forget_due(most)
  local left, trims = most, {}   -- lists of what is to be forgotten -> how many of it were looked at
  local empty = {}               -- their times, where that was all
  for _, time in ipairs(call('ZRANGEBYSCORE', P .. 'h', '-inf', kept, 'LIMIT', '0', most)) do
    if left == 0 then break end
    local key = P .. 'h' .. time
    local ids = call('LRANGE', key, '0', left - 1)
    fetch(ids)
    for _, id in ipairs(ids) do
      local job = find(id)
      -- One that was retried since and ended again stands in another list too, and waits for that one.
      if job and is_final(job) and job[FINISHED_AT] + job[TTL] <= time + steps - guessed then forget(job, time - job[TTL]) end
    end
    trims[key] = #ids
    if #ids < left and not pushes[key] then empty[#empty + 1] = time end
    left = left - #ids
  end
  if left == most and #empty == 0 then return 0 end
  counters = true
  flush()
  for key, seen in pairs(trims) do call('LTRIM', key, seen, '-1') end
  if #empty > 0 then call('ZREM', P .. 'h', unpack(empty)) end   -- last: until then it is looked at again
  return most - left
end
