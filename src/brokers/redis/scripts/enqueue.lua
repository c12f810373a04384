-- Adds jobs whose ids are not known. All or none: what they wait for is looked at before the first write.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then for each job seven:
--   id, queue, handler, numbers (SPEC; '': none), extras (fields of x<id>, each EXTRA), WRITTEN, the payload and the salt, ids
--   of what it waits for, in a row
-- Gives for each job 1 where it was created, 0 where its id is known. Error `COTERIE DEPENDENCY i k`: the k-th that the
-- i-th waits for is not known.
-- Not allowed at full memory: the producer is told, who still has the job.
local EXTRA = '<Bc0I4c0'   -- its name and its value, behind their lengths
local SPEC = '<I6I6I6BB'   -- delay, at, expires, 1: more to wait for follows by depend.lua, 1: the payload is a long one
local EACH, FIRST = 7, 4

begin()
local total = (#ARGV - FIRST + 1) / EACH
-- Ids that are on record; of these, those of jobs that are at another broker now, so that nothing here can wait for them;
-- those that come before, in this call.
local known, withdrawn, places = {}, {}, {}
do
  local ids, n = {}, 0
  for at = FIRST, #ARGV, EACH do
    n = n + 1
    ids[n] = ARGV[at]
    local after = ARGV[at + 6]
    for k = 1, #after, 16 do
      n = n + 1
      ids[n] = sub(after, k, k + 15)
    end
  end
  local any_tombs = call('EXISTS', P .. 'T') == 1
  for from = 1, n, 500 do
    local part = {unpack(ids, from, math.min(from + 499, n))}
    fetch(part)
    local tombs = any_tombs and call('ZMSCORE', P .. 'T', unpack(part))
    for i = 1, #part do
      local id = part[i]
      local tomb = tombs and tonumber(tombs[i] or 0) or 0
      if jobs[id] or texts[id] then
        known[id] = true
      elseif tomb > kept then
        known[id], withdrawn[id] = true, tomb % 1 ~= 0
      end
    end
  end
end

for i = 0, total - 1 do
  local at = FIRST + i * EACH
  local id, after = ARGV[at], ARGV[at + 6]
  if not known[id] and not places[id] then
    for k = 1, #after, 16 do
      local other = sub(after, k, k + 15)
      if (not known[other] or withdrawn[other]) and not places[other] then refuse('DEPENDENCY ' .. i .. ' ' .. (k - 1) / 16) end
    end
    places[id] = true
  end
end

local seen = {}   -- what one job waits for
local function wait_for(job, after)
  for k = 1, #after, 16 do
    local id = sub(after, k, k + 15)
    local other = find(id)
    if other and not is_final(other) and other ~= job and seen[id] ~= job then
      seen[id] = job
      add(P .. 'd' .. id, digits(job[ORDER]), job[ID])
      set(other, HAS_DEPENDENTS)
      write_job(other)
      job[WAITS_FOR] = job[WAITS_FOR] + 1
    end
  end
end
local function create(at, id)
  local queue, name = queue_number(ARGV[at + 1]), ARGV[at + 2]
  local delay, run_at, expires, more, long = read(SPEC, ARGV[at + 3])
  local body = ARGV[at + 5]
  local ttl, priority, timeout, max_attempts, max_crashes, payload = read(WRITTEN, body)
  body = sub(body, WRITTEN_BYTES + 1)
  if now + delay > run_at then run_at = now + delay end
  local job = {id, false, false, VERSION, BLOCKED, expires ~= 0 and MAY_EXPIRE or 0, 0, 0, 0, 0, 0, NOBODY, 0, 0, 0, 0, order,
               now, run_at, expires, queue, name_number(queue, name), ttl, priority, timeout, max_attempts, max_crashes,
               payload, body}
  jobs[id] = job
  if long == 1 then
    call('SET', P .. 'b' .. id, sub(body, 1, -2))
    job[TAIL] = sub(body, -1)
    set(job, LONG_PAYLOAD)
  end
  local more_of_it, from = ARGV[at + 4], 1
  while from <= #more_of_it do
    local name, value, behind = read(EXTRA, more_of_it, from)
    extras(job, name, value)
    from = behind
  end
  wait_for(job, ARGV[at + 6])
  if more == 1 then
    set(job, PREPARING)
    job[WAITS_FOR] = job[WAITS_FOR] + 1
  end
  if job[WAITS_FOR] > 0 then enter(job, BLOCKED) else make_runnable(job, run_at) end
end

-- create of many as most are: plain, and able to run at once.
local READY_AT_ONCE = pack('<BBHI6I6I4I3I6c16I6I3I3I3', VERSION, READY, 0, 0, 0, 0, 0, 0, NOBODY, 0, 0, 0, 0)
local times = pack('<I6I6I6', now, now, 0)
local kinds = {}    -- queue -> handler -> their numbers, the same in a record, their stream, what is added to it, how many
local scores = {}   -- a job's priority in a record -> what its place is added to
local function kind_of(queue_name, name)
  local of = kinds[queue_name] or {}
  kinds[queue_name] = of
  local kind = of[name]
  if not kind then
    local queue = queue_number(queue_name)
    local number = name_number(queue, name)
    local stream = stream_named(queue, number, false)
    names_seen[queue * NAMES + number] = {queue_name, name}
    kind = {queue, number, pack('<I3I3', queue, number), stream, list_of(adds, stream[1]), 0}
    of[name] = kind
  end
  return kind
end
local function create_plain(at, id)
  local body, kind = ARGV[at + 5], kind_of(ARGV[at + 1], ARGV[at + 2])
  local text = READY_AT_ONCE .. pack('<I6', order) .. times .. kind[3] .. body
  local n, added, priority = #whole, kind[5], sub(body, 7, 8)
  whole[n + 1], whole[n + 2] = key_of[id], text
  jobs[id], texts[id] = nil, text
  local score = scores[priority]
  if not score then
    score = (1000 - read('<h', priority)) * LEVEL
    scores[priority] = score
  end
  place = place + 1
  n = #added
  added[n + 1], added[n + 2] = format('%d', score + place), id
  kind[6] = kind[6] + 1
end
local function count_plain()
  for _, of in pairs(kinds) do
    for _, kind in pairs(of) do
      count(kind[1], READY, kind[6])
      fronts[kind[4][1]] = kind[4]
      local number = kind[1] * NAMES + kind[2]
      waking[number] = (waking[number] or 0) + kind[6]
      changed = true
    end
  end
end

local reply, first_order = {}, order + 1
local created = {}   -- ids, whose orders follow each other
for i = 1, total do
  local at = FIRST + (i - 1) * EACH
  local id = ARGV[at]
  if not known[id] then
    known[id] = true
    order = order + 1
    created[#created + 1] = id
    if ARGV[at + 3] == '' then create_plain(at, id) else create(at, id) end
    reply[i] = 1
  elseif (jobs[id] or texts[id]) and has(find(id), PREPARING) then
    reply[i] = 1   -- its producer was lost before it had said all that it waits for, and begins again
  else
    reply[i] = 0
  end
end
counters = counters or #created > 0
list_jobs(first_order, created)
count_plain()
flush()
return reply
