-- What every script of a shard has in common; put in front of each. Calls compute on records in memory, and `flush`
-- writes, so that a script that is refused has written nothing.
--
-- All keys of a shard begin with the same hash tag, `{namespace:shard}`, here called P; KEYS[1] is P .. 'm'. The others
-- are made from it, so that they stand in the same slot.
--
--   m           HASH    v layout, c clock, s steps of the clock, n version, t token, o order, p place, q queue numbers
--   j<id>       STRING  a job: the header below, then its payload and its result, where they are short
--   b<id> s<id> STRING  a long payload, a long result
--   x<id>       HASH    what most jobs do not have: e, m error; p, n progress; b backoff
--   d<id>       ZSET    jobs that wait for this one, by their creation
--   k           ZSET    ended jobs whose d<id> is not empty yet
--   r<q>.<n>    ZSET    a stream: ready jobs of queue number q and name number n, by priority and place
--   u<q>.<n>    ZSET    the same of suspects
--   f<q> g<q>   ZSET    the streams of r, of u, that are not empty, by their front's score
--   Q           HASH    queue -> its number;  c<q> HASH its name (N) and state -> jobs
--   n<q> e<q>   HASH    handler -> its number in the queue, and back
--   l           ZSET    leased jobs by deadline (less s);  z ZSET scheduled or expiring jobs by time
--   h           ZSET    final jobs by the time when they are forgotten;  T ZSET forgotten ids by the end of their day
--   O           ZSET    buckets of the list by number;  o<i> HASH creation number mod 128 -> id
--   w<inc>      HASH    a worker: name, seq and the replies to it, y its channel, z 1 while it sleeps
--   W<machine>  HASH    incarnation -> process there
--   A, a<queue>\n<handler> ZSET  workers that sleep, since when;  D ZSET when some of these will look by themselves
--   i           HASH    notes
local M = KEYS[1]
local P = string.sub(M, 1, -2)
local call = redis.call

-- A job's header, see record.hpp for the other end of it.
local FORMAT = '<BBHhI4I4I6I6I6I6I6I6I6I6I6I6I3I3I3I3I4I4I4I4c16'
local HEAD = struct.size(FORMAT)
local STATE, FLAGS, PRIORITY, QUEUE, NAME = 2, 3, 4, 5, 6
local ORDER, TOKEN, SETTLED, CREATED, RUN_AT, EXPIRES = 7, 8, 9, 10, 11, 12
local STARTED_AT, FINISHED_AT, TIMEOUT, TTL = 13, 14, 15, 16
local ATTEMPT, MAX_ATTEMPTS, CRASHES, ALONE_CRASHES = 17, 18, 19, 20
local MAX_CRASHES, WAITS_FOR, PAYLOAD, RESULT, OWNER = 21, 22, 23, 24, 25
local BLOCKED, SCHEDULED, READY, LEASED, DONE, DEAD, CANCELLED, EXPIRED = 0, 1, 2, 4, 5, 6, 7, 8
local CANCEL_REQUESTED, STARTED, ALONE, LOST_BEFORE, SETTLED_DONE = 1, 2, 4, 8, 16
local HAS_EXTRAS, LONG_PAYLOAD, LONG_RESULT, PREPARING, HAS_DEPENDENTS = 32, 64, 128, 256, 512
local NOBODY = string.rep('\0', 16)
local KNOWN_FOR = 86400000
local UNITS = 64            -- of work in one script
local LEVEL = 2199023255552 -- 2^41: places within one priority

local function refuse(what) error({err = 'COTERIE ' .. what}) end
local function has(job, flag) return bit.band(job[FLAGS], flag) ~= 0 end
local function set(job, flag) job[FLAGS] = bit.bor(job[FLAGS], flag) end
local function clear(job, flag) job[FLAGS] = bit.band(job[FLAGS], bit.bnot(flag)) end

-- Time and counters --------------------------------------------------------------------------------------------------
local now, steps, version, token, order, place, queues
local changed, counters = false, false
local waking = {}           -- stream -> jobs that became ready there
local scheduled_at = false  -- the earliest that was scheduled
local wake                  -- see wake.lua

-- ARGV[1]: the time, where it is not the server's (tests); ARGV[2]: when the caller expects it to be, by what it saw
-- last and has measured since, '' at first; ARGV[3]: `steps` as it was then. Where the clock is further than that
-- somebody set it forwards: leases, which count without `steps`, get that time on top.
local function begin()
  local m = call('HMGET', M, 'v', 'c', 's', 'n', 't', 'o', 'p', 'q')
  if m[1] and m[1] ~= '1' then refuse('LAYOUT ' .. m[1]) end
  now = tonumber(ARGV[1])
  if not now then
    local time = call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  steps = tonumber(m[3]) or 0
  if m[2] and tonumber(m[2]) > now then now = tonumber(m[2]) end
  local expected = tonumber(ARGV[2])
  if expected then
    local ahead = now - (expected + steps - tonumber(ARGV[3]))
    if ahead > 1000 then
      steps = steps + ahead
      counters = true
    end
  end
  version, token = tonumber(m[4]) or 1, tonumber(m[5]) or 0
  order, place, queues = tonumber(m[6]) or 0, tonumber(m[7]) or 0, tonumber(m[8]) or 0
end

-- Sorted sets and counts, written by flush ---------------------------------------------------------------------------
local sets, counts = {}, {}
local fronts = {}       -- streams whose front may have changed: key -> the index's key
local function put(key, score, member)
  local changes = sets[key]
  if not changes then
    changes = {}
    sets[key] = changes
  end
  changes[member] = score
end
local function count(queue, state, by)
  local of = counts[queue]
  if not of then
    of = {}
    counts[queue] = of
  end
  of[state] = (of[state] or 0) + by
end

local function write_set(key, changes)
  local adds, removes = {}, {}
  for member, score in pairs(changes) do
    if score then
      adds[#adds + 1] = score
      adds[#adds + 1] = member
    else
      removes[#removes + 1] = member
    end
  end
  for i = 1, #removes, 1000 do call('ZREM', key, unpack(removes, i, math.min(i + 999, #removes))) end
  for i = 1, #adds, 1000 do call('ZADD', key, unpack(adds, i, math.min(i + 999, #adds))) end
end
local function write_fronts()
  for key, index in pairs(fronts) do
    local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
    local stream = string.match(key, '^%b{}.(.*)$')
    if first[1] then
      call('ZADD', index, first[2], stream)
    else
      call('ZREM', index, stream)
    end
  end
  fronts = {}
end

-- Jobs ---------------------------------------------------------------------------------------------------------------
local jobs, dirty = {}, {}   -- id -> header with .id, .tail; which of them flush writes

local function parse(id, text)
  local job = {struct.unpack(FORMAT, text)}
  job.id, job.tail = id, string.sub(text, HEAD + 1)
  jobs[id] = job
  return job
end
local function find(id)
  local job = jobs[id]
  if job == nil then
    local text = call('GET', P .. 'j' .. id)
    job = text and parse(id, text) or false
    jobs[id] = job
  end
  return job
end
-- Many at once: after it, find costs nothing.
local function fetch(ids)
  local keys, missing = {}, {}
  for _, id in ipairs(ids) do
    if jobs[id] == nil then
      keys[#keys + 1] = P .. 'j' .. id
      missing[#missing + 1] = id
      jobs[id] = false
    end
  end
  if #keys == 0 then return end
  local texts = call('MGET', unpack(keys))
  for i, id in ipairs(missing) do
    if texts[i] then parse(id, texts[i]) end
  end
end
local function write_job(job)
  dirty[job.id] = job
  job.text = nil
end
-- The string that is kept.
local function text_of(job)
  local text = job.text
  if not text then
    text = struct.pack(FORMAT, unpack(job, 1, OWNER)) .. job.tail
    job.text = text
  end
  return text
end

local function is_suspect(job) return job[MAX_CRASHES] > 0 and job[CRASHES] >= 2 end
local function is_final(job) return job[STATE] >= DONE end
local function may_expire(job) return job[EXPIRES] ~= 0 and job[ATTEMPT] == 0 and job[CRASHES] == 0 end
-- The stream that holds it while it is ready, and the index of such streams.
local function stream_of(job)
  local name = string.format('%d.%d', job[QUEUE], job[NAME])
  if is_suspect(job) then return P .. 'u' .. name, P .. 'g' .. job[QUEUE] end
  return P .. 'r' .. name, P .. 'f' .. job[QUEUE]
end

-- Where a job is: enter and leave are the only code that says so.
local function enter(job, state)
  job[STATE] = state
  count(job[QUEUE], state, 1)
  if state == SCHEDULED then
    local at = job[RUN_AT]
    if may_expire(job) and job[EXPIRES] < at then at = job[EXPIRES] end
    put(P .. 'z', at, job.id)
    if not scheduled_at or at < scheduled_at then scheduled_at = at end
  elseif state == READY then
    place = place + 1
    local key, index = stream_of(job)
    put(key, (1000 - job[PRIORITY]) * LEVEL + place, job.id)
    fronts[key] = index
    if may_expire(job) then put(P .. 'z', job[EXPIRES], job.id) end
    local stream = job[QUEUE] .. '.' .. job[NAME]
    waking[stream] = (waking[stream] or 0) + 1
    changed = true
  elseif state >= DONE then
    put(P .. 'h', job[FINISHED_AT] + job[TTL], job.id)
    changed = true
  end
  write_job(job)
end
local function leave(job)
  local state = job[STATE]
  count(job[QUEUE], state, -1)
  if state == SCHEDULED then
    put(P .. 'z', false, job.id)
  elseif state == READY then
    local key, index = stream_of(job)
    put(key, false, job.id)
    fronts[key] = index
    if may_expire(job) then put(P .. 'z', false, job.id) end
  elseif state == LEASED then
    put(P .. 'l', false, job.id)
  elseif state >= DONE then
    put(P .. 'h', false, job.id)
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
    put(P .. 'k', now, id)
    return
  end
  local most = releases
  local waiting = call('ZRANGE', P .. 'd' .. id, 0, most - 1)
  releases = releases - #waiting
  fetch(waiting)
  for _, other in ipairs(waiting) do
    local job = find(other)
    if job and job[STATE] == BLOCKED then
      job[WAITS_FOR] = job[WAITS_FOR] - 1
      write_job(job)
      if job[WAITS_FOR] == 0 then
        leave(job)
        make_runnable(job, math.max(job[RUN_AT], now))
      end
    end
  end
  local removed = {}
  for i, other in ipairs(waiting) do removed[i] = other end
  put(P .. 'k', #waiting == most and now or false, id)
  for _, other in ipairs(removed) do put(P .. 'd' .. id, false, other) end
end
local function finish(job, state)
  leave(job)
  job[FINISHED_AT] = now
  clear(job, CANCEL_REQUESTED)
  local waited_for = has(job, HAS_DEPENDENTS)
  clear(job, HAS_DEPENDENTS)
  enter(job, state)
  if waited_for then release_dependents(job.id) end
end

local extra = {}   -- id -> fields and values of x<id> that flush writes
local function extras(job, ...)
  set(job, HAS_EXTRAS)
  write_job(job)
  local fields = extra[job.id] or {}
  for _, part in ipairs({...}) do fields[#fields + 1] = part end
  extra[job.id] = fields
end

-- The worker that has it is gone, or was not heard of for a lease.
local function recover(job)
  job[ATTEMPT] = job[ATTEMPT] - 1
  set(job, LOST_BEFORE)
  local quarantine = false
  if has(job, STARTED) then
    job[CRASHES] = job[CRASHES] + 1
    if has(job, ALONE) then job[ALONE_CRASHES] = job[ALONE_CRASHES] + 1 end
    quarantine = has(job, ALONE) and job[MAX_CRASHES] ~= 0 and job[ALONE_CRASHES] >= job[MAX_CRASHES]
    local name = call('HGET', P .. 'w' .. job[OWNER], 'name')
    local who = name and name ~= '' and 'worker ' .. name or 'its worker'
    if quarantine then
      extras(job, 'e', 'quarantine', 'm', who .. ' died while it ran nothing but this job, ' ..
             job[ALONE_CRASHES] .. ' times now')
    else
      extras(job, 'e', 'crash', 'm', who .. ' died or was not heard of while it ran this job')
    end
  end
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

local gone = {}   -- ids that flush deletes
local function forget(job)
  leave(job)
  local until_when = job[FINISHED_AT] + KNOWN_FOR
  if until_when > now then put(P .. 'T', until_when, job.id) end
  dirty[job.id] = nil
  jobs[job.id] = false
  extra[job.id] = nil
  gone[#gone + 1] = job
end

local function write_jobs()
  local pairs_to_set = {}
  for id, job in pairs(dirty) do
    pairs_to_set[#pairs_to_set + 1] = P .. 'j' .. id
    pairs_to_set[#pairs_to_set + 1] = text_of(job)
  end
  for i = 1, #pairs_to_set, 1000 do
    call('MSET', unpack(pairs_to_set, i, math.min(i + 999, #pairs_to_set)))
  end
  dirty = {}
end
local function delete_gone()
  local keys, buckets = {}, {}
  for _, job in ipairs(gone) do
    keys[#keys + 1] = P .. 'j' .. job.id
    if has(job, LONG_PAYLOAD) then keys[#keys + 1] = P .. 'b' .. job.id end
    if has(job, LONG_RESULT) then keys[#keys + 1] = P .. 's' .. job.id end
    if has(job, HAS_EXTRAS) then keys[#keys + 1] = P .. 'x' .. job.id end
    local bucket = math.floor(job[ORDER] / 128)
    local fields = buckets[bucket] or {}
    buckets[bucket] = fields
    fields[#fields + 1] = job[ORDER] % 128
  end
  for bucket, fields in pairs(buckets) do
    call('HDEL', P .. 'o' .. bucket, unpack(fields))
    if call('EXISTS', P .. 'o' .. bucket) == 0 then call('ZREM', P .. 'O', bucket) end
  end
  for i = 1, #keys, 1000 do call('UNLINK', unpack(keys, i, math.min(i + 999, #keys))) end
  gone = {}
end
-- A queue without jobs leaves nothing behind.
local function drop_queue(queue)
  local name = call('HGET', P .. 'c' .. queue, 'N')
  if name then call('HDEL', P .. 'Q', name) end
  call('UNLINK', P .. 'c' .. queue, P .. 'n' .. queue, P .. 'e' .. queue, P .. 'f' .. queue, P .. 'g' .. queue)
end
local function write_counts()
  for queue, of in pairs(counts) do
    local key, less = P .. 'c' .. queue, false
    for state, by in pairs(of) do
      if by ~= 0 and call('HINCRBY', key, state, by) == 0 then
        call('HDEL', key, state)
        less = true
      end
    end
    if less and call('HLEN', key) == 1 then drop_queue(queue) end
  end
  counts = {}
end

-- Everything that was computed, and wakes who waits for it. What it writes is a complete transition, so a script may
-- call it before it reads on.
local function flush()
  write_jobs()
  for id, fields in pairs(extra) do call('HSET', P .. 'x' .. id, unpack(fields)) end
  extra = {}
  for key, changes in pairs(sets) do write_set(key, changes) end
  sets = {}
  write_fronts()
  delete_gone()
  write_counts()
  -- Whoever sleeps until the next due time must look again where that is earlier now.
  if scheduled_at and not changed then
    local first = call('ZRANGE', P .. 'z', 0, 0, 'WITHSCORES')[2]
    changed = first and tonumber(first) >= scheduled_at
  end
  if changed then version = version + 1 end
  if changed or counters then
    call('HSET', M, 'v', 1, 'c', now, 's', steps, 'n', version, 't', token, 'o', order, 'p', place, 'q', queues)
  end
  if changed then call('PUBLISH', P .. 'v', version) end
  changed, counters = false, false
  wake()
end
