-- Adds jobs whose ids are not known. All or none: what they wait for is looked at before the first write.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then for each job seven:
--   id, queue, handler, numbers (SPEC), backoff ('' for the usual one), payload, ids of what it waits for, in a row
-- Gives for each job 1 where it was created, 0 where its id is known. Error `COTERIE DEPENDENCY i k`: the k-th that the
-- i-th waits for is not known.
-- Not allowed at full memory: the producer is told, who still has the job.
local SPEC = '<hI6I6I6I3I6I6I4BB'   -- ..., 1: more to wait for follows by depend.lua, 1: the payload is a long one
local EACH, FIRST = 7, 4

begin()
local total = (#ARGV - FIRST + 1) / EACH
local known, places = {}, {}
do
  local ids, seen = {}, {}
  for i = 0, total - 1 do
    local id = ARGV[FIRST + i * EACH]
    if not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
    end
    local after = ARGV[FIRST + i * EACH + 6]
    for k = 1, #after, 16 do
      local other = string.sub(after, k, k + 15)
      if not seen[other] then
        seen[other] = true
        ids[#ids + 1] = other
      end
    end
  end
  for from = 1, #ids, 500 do
    local part = {unpack(ids, from, math.min(from + 499, #ids))}
    fetch(part)
    local tombs = call('ZMSCORE', P .. 'T', unpack(part))
    for i, id in ipairs(part) do
      known[id] = jobs[id] and true or (tombs[i] and tonumber(tombs[i]) > now) or false
    end
  end
end

for i = 0, total - 1 do
  local at = FIRST + i * EACH
  local id, after = ARGV[at], ARGV[at + 6]
  if not known[id] and not places[id] then
    for k = 1, #after, 16 do
      local other = string.sub(after, k, k + 15)
      if not known[other] and not places[other] then refuse('DEPENDENCY ' .. i .. ' ' .. (k - 1) / 16) end
    end
    places[id] = true
  end
end

local reply, lists = {}, {}
for i = 0, total - 1 do
  local at = FIRST + i * EACH
  local id, queue_name, handler, spec = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local backoff, payload, after = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
  local job = jobs[id]
  if job and has(job, PREPARING) then
    reply[i + 1] = 1   -- its producer was lost before it had said all that it waits for, and begins again
  elseif known[id] then
    reply[i + 1] = 0
  else
    known[id] = true
    local priority, delay, run_at, expires, attempts, timeout, ttl, crashes, more, long = struct.unpack(SPEC, spec)
    local queue = queue_number(queue_name, true)
    order = order + 1
    job = {1, BLOCKED, 0, priority, queue, name_number(queue, handler, true), order, 0, 0, now,
           math.max(now + delay, run_at), expires, 0, 0, timeout, ttl, 0, attempts, 0, 0, crashes, 0, #payload, 0, NOBODY}
    job.id, job.tail = id, payload
    jobs[id] = job
    if long == 1 then
      job.tail = ''
      set(job, LONG_PAYLOAD)
      call('SET', P .. 'b' .. id, payload)
    end
    if backoff ~= '' then extras(job, 'b', backoff) end
    local bucket = math.floor(order / 128)
    local list = lists[bucket] or {}
    lists[bucket] = list
    list[#list + 1] = order % 128
    list[#list + 1] = id
    for k = 1, #after, 16 do
      local other = find(string.sub(after, k, k + 15))
      if other and not is_final(other) and other.id ~= id then
        local key = P .. 'd' .. other.id
        if not (sets[key] and sets[key][id]) then
          put(key, order, id)
          set(other, HAS_DEPENDENTS)
          write_job(other)
          job[WAITS_FOR] = job[WAITS_FOR] + 1
        end
      end
    end
    if more == 1 then
      set(job, PREPARING)
      job[WAITS_FOR] = job[WAITS_FOR] + 1
    end
    if job[WAITS_FOR] > 0 then enter(job, BLOCKED) else make_runnable(job, job[RUN_AT]) end
    counters = true
    reply[i + 1] = 1
  end
end
for bucket, list in pairs(lists) do
  call('HSET', P .. 'o' .. bucket, unpack(list))
  call('ZADD', P .. 'O', bucket, bucket)
end
flush()
return reply
