#!lua flags=allow-oom
-- Promotes, recovers, forgets, and gives out jobs: a worker's last script in a cycle, and one more for each 64 jobs.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4..8] worker.lua; [9] the lease, ms; [10] how many; [11] bytes of
-- payload at most; [12] '1': alone; [13] '1': the reply is not empty yet, so a job too big for [11] waits; [14] the
-- channel on which the worker can be woken, '': it cannot; [15] how many queues, then their names; then the handlers'
-- names, none: any.
-- Gives {repeated, now, steps, version, next due, suspects, ids of jobs (token, flags and header in take.hpp's order),
-- handlers that nobody here has, more}: more = 1 where there was more to promote or recover than one script may, and then
-- it gives out nothing and is to be repeated as the next script of the call.
local before = answered()
begin()
hold_wakes = true

local wanted, budget = tonumber(ARGV[10]), tonumber(ARGV[11])
local queue_names, handlers = {}, {}
local first_name = 16 + tonumber(ARGV[15])
for i = 16, first_name - 1 do queue_names[#queue_names + 1] = ARGV[i] end
for i = first_name, #ARGV do handlers[#handlers + 1] = ARGV[i] end

-- The queues that exist, each once.
local asked = {}
do
  local seen = {}
  local numbers = #queue_names > 0 and call('HMGET', P .. 'Q', unpack(queue_names)) or {}
  for _, number in ipairs(numbers) do
    if number and not seen[number] then
      seen[number] = true
      asked[#asked + 1] = number
    end
  end
end
-- Streams of a queue that may be given out, of family 'r' or 'u'.
local function streams_of(queue, family, index)
  local streams = {}
  if #handlers == 0 then
    for _, stream in ipairs(call('ZRANGE', P .. index .. queue, 0, -1)) do
      streams[#streams + 1] = P .. family .. stream
    end
  else
    for _, number in ipairs(call('HMGET', P .. 'n' .. queue, unpack(handlers))) do
      if number then streams[#streams + 1] = P .. family .. queue .. '.' .. number end
    end
  end
  return streams
end

local function describe(job)
  local queue, handler = names_of(job)
  return {job.id, text_of(job), queue, handler}
end
local function next_time()
  local due = call('ZRANGE', P .. 'z', 0, 0, 'WITHSCORES')[2]
  local lease = call('ZRANGE', P .. 'l', 0, 0, 'WITHSCORES')[2]
  local next_due = tonumber(due) or 0
  if lease and (next_due == 0 or lease + steps < next_due) then next_due = lease + steps end
  if call('EXISTS', P .. 'k') == 1 then next_due = now end
  return next_due
end
local function finish_reply(repeated, leases, more, next_due)
  local suspects, unhandled, told = 0, {}, {}
  for _, queue in ipairs(asked) do
    for _, key in ipairs(streams_of(queue, 'u', 'g')) do suspects = suspects + call('ZCARD', key) end
    if not repeated and #leases < wanted and #handlers > 0 and more == 0 then
      local mine = {}
      for _, number in ipairs(call('HMGET', P .. 'n' .. queue, unpack(handlers))) do
        if number then mine[queue .. '.' .. number] = true end
      end
      for _, stream in ipairs(call('ZRANGE', P .. 'f' .. queue, 0, #handlers + 16)) do
        if not mine[stream] and #unhandled < 16 then
          local name = call('HGET', P .. 'e' .. queue, string.match(stream, '%.(%d+)'))
          if name and not told[name] then
            told[name] = true
            unhandled[#unhandled + 1] = name
          end
        end
      end
    end
  end
  return {repeated and 1 or 0, now, steps, version, next_due, suspects, leases, unhandled, more}
end

if before then
  local leases = {}
  if before == 'more' then return finish_reply(true, leases, 1, next_time()) end
  for at = 1, #before, 22 do
    local id, of = struct.unpack('<c16I6', before, at)
    local job = find(id)
    if job and job[STATE] == LEASED and job[TOKEN] == of then leases[#leases + 1] = describe(job) end
  end
  return finish_reply(true, leases, 0, next_time())
end
counters = true
channel = ARGV[14]

-- What is due, at most UNITS of all together -------------------------------------------------------------------------
local units = UNITS
local function due(key, by)
  local found, ids, entries = call('ZRANGEBYSCORE', key, '-inf', by, 'WITHSCORES', 'LIMIT', 0, units), {}, {}
  for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
  fetch(ids)
  units = units - #ids
  for i = 1, #found, 2 do
    local job = find(found[i])
    entries[#entries + 1] = {found[i], tonumber(found[i + 1]), job and job[ORDER] or 0}
  end
  table.sort(entries, function(one, other)   -- equals in the order of their creation
    if one[2] ~= other[2] then return one[2] < other[2] end
    return one[3] < other[3]
  end)
  for i, entry in ipairs(entries) do ids[i] = entry[1] end
  return ids
end
local function promote()
  for _, id in ipairs(due(P .. 'z', now)) do
    local job = find(id)
    if not job then
      put(P .. 'z', false, id)
    elseif may_expire(job) and job[EXPIRES] <= now then
      finish(job, EXPIRED)
    else
      leave(job)
      make_runnable(job, job[RUN_AT])
    end
  end
end
for _, id in ipairs(call('ZRANGE', P .. 'k', 0, 0)) do
  release_dependents(id)
  units = units - UNITS / 2
end
promote()
for _, id in ipairs(due(P .. 'l', now - steps)) do
  local job = find(id)
  if job and job[STATE] == LEASED then recover(job) else put(P .. 'l', false, id) end
end
if units < UNITS and units > 0 then
  flush()
  promote()   -- what was freed may be too late already
end
if units > 0 then
  for _, id in ipairs(due(P .. 'h', now)) do
    local job = find(id)
    if job then forget(job) else put(P .. 'h', false, id) end
  end
end
if units > 0 then
  local over = call('ZRANGEBYSCORE', P .. 'T', '-inf', now, 'LIMIT', 0, units)
  for _, id in ipairs(over) do put(P .. 'T', false, id) end
  units = units - #over
end
flush()
if units <= 0 and wanted > 0 then
  remember('more')
  flush()
  hold_wakes = false
  wake()
  return finish_reply(false, {}, 1, next_time())
end

-- Giving out ---------------------------------------------------------------------------------------------------------
local leases, given = {}, {}
local bytes = 0
local function give(job, alone)
  leave(job)
  token = token + 1
  counters = true
  job[TOKEN], job[OWNER], job[STARTED_AT] = token, INCARNATION, now
  job[ATTEMPT] = job[ATTEMPT] + 1
  clear(job, STARTED)
  clear(job, ALONE)
  if alone then set(job, ALONE) end
  enter(job, LEASED)
  put(P .. 'l', now - steps + tonumber(ARGV[9]), job.id)
  given[#given + 1] = struct.pack('<c16I6', job.id, token)
  leases[#leases + 1] = describe(job)
end
-- The next ones of several streams, in their common order.
local function fronts_of(streams, most)
  local found = {}
  for _, key in ipairs(streams) do
    local range = call('ZRANGE', key, 0, most - 1, 'WITHSCORES')
    for i = 1, #range, 2 do found[#found + 1] = {range[i], tonumber(range[i + 1])} end
  end
  table.sort(found, function(a, b) return a[2] < b[2] end)
  local ids = {}
  for i = 1, math.min(#found, most) do ids[i] = found[i][1] end
  fetch(ids)
  return ids
end

local full = false
if ARGV[12] == '1' and wanted > 0 then
  for _, queue in ipairs(asked) do
    local ids = fronts_of(streams_of(queue, 'u', 'g'), 1)
    if ids[1] then
      give(find(ids[1]), true)
      full = true
      break
    end
  end
end
for _, queue in ipairs(asked) do
  if full or #leases >= wanted then break end
  for _, id in ipairs(fronts_of(streams_of(queue, 'r', 'f'), wanted - #leases)) do
    local job = find(id)
    if job and job[STATE] == READY then
      if may_expire(job) and job[EXPIRES] <= now then
        finish(job, EXPIRED)
      else
        bytes = bytes + job[PAYLOAD]
        if bytes > budget and (#leases > 0 or ARGV[13] == '1') then
          full = true
          break
        end
        give(job, false)
      end
    end
  end
end
flush()

-- Falling asleep, or not -----------------------------------------------------------------------------------------------
local next_due = next_time()
local satisfied = full or #leases >= wanted
local was_asleep = asleep == '1'
local until_when = now - steps + tonumber(ARGV[9])
local function write_down(add)
  for _, queue in ipairs(queue_names) do
    for i = 1, math.max(#handlers, 1) do
      local key = sleepers_of(queue, handlers[i] or '')
      if add then
        drop_old(key)
        call('ZADD', key, until_when, INCARNATION)
        call('PEXPIRE', key, KNOWN_FOR)
      else
        call('ZREM', key, INCARNATION)
      end
    end
  end
  if add then call('ZADD', P .. 'A', until_when, INCARNATION) else call('ZREM', P .. 'A', INCARNATION) end
end
if not satisfied and channel ~= '' then
  asleep = '1'
  drop_old(P .. 'A')
  write_down(true)
  call('PEXPIRE', P .. 'A', KNOWN_FOR)
  -- Two look when the next job is due; the others need not.
  call('ZREM', P .. 'D', INCARNATION)
  if next_due ~= 0 then
    call('ZREMRANGEBYSCORE', P .. 'D', '-inf', now - 60000)
    if call('ZCOUNT', P .. 'D', now, next_due) >= 2 then
      next_due = 0
    else
      call('ZADD', P .. 'D', next_due, INCARNATION)
      call('PEXPIRE', P .. 'D', KNOWN_FOR)
    end
  end
elseif was_asleep then
  asleep = '0'
  write_down(false)
  local promised = call('ZREM', P .. 'D', INCARNATION) == 1
  if promised and next_due ~= 0 and call('ZCOUNT', P .. 'D', now, next_due) == 0 then tell_some(P .. 'A', 2, '') end
end
remember(table.concat(given))
for stream in pairs(waking) do
  if call('EXISTS', P .. 'r' .. stream, P .. 'u' .. stream) == 0 then waking[stream] = nil end
end
-- What is left over is for others, also where it was told of something and wants nothing any more.
if satisfied and (wanted > 0 or was_asleep) and call('EXISTS', P .. 'A') == 1 then
  local looks = UNITS
  for _, queue in ipairs(asked) do
    for _, key in ipairs(streams_of(queue, 'r', 'f')) do
      if looks == 0 then break end
      looks = looks - 1
      local stream = string.sub(key, #P + 2)
      if not waking[stream] and call('EXISTS', key) == 1 then waking[stream] = 0 end
    end
  end
end
hold_wakes = false
wake()
return finish_reply(false, leases, 0, next_due)
