#!lua flags=allow-oom
-- Promotes, recovers, forgets, and gives out jobs: a worker's last script in a cycle, and one more for each 64 jobs.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4..8] worker.lua; [9] the lease, ms; [10] how many; [11] bytes of
-- payload at most; [12] '1': alone; [13] '1': the reply is not empty yet, so a job too big for [11] waits; [14] the
-- channel on which the worker can be woken, '': it cannot; [15] for how long it counts as asleep, ms; [16] how many
-- queues, then their names; then the handlers' names, none: any.
-- Gives {repeated, now, steps, version, next due, suspects, jobs, names, first token, alone, handlers that nobody here has,
-- more, asleep, headers}: of each job its id, its string, and where in names its queue and behind it its handler stand. The string
-- is as it was before, where this is no repeated reply: tokens follow each other from the first, and alone = 1 where it
-- runs alone. more = 1 where there was more to promote, recover or forget beside it than one script may: it is to be
-- repeated as the next script of the call, by which time there may be none to give out. asleep = 1 where the worker is written down here.
-- repeated = 2 where there are more replies of this call on record. headers: of those jobs that have any, the place in jobs,
-- counted in jobs from 0, and what they are.
local before = answered()
begin(ARGV[9])
hold_wakes = true

local wanted, budget = tonumber(ARGV[10]), tonumber(ARGV[11])
local queue_names, handlers = {}, {}
local first_name = 17 + tonumber(ARGV[16])
for i = 17, first_name - 1 do queue_names[#queue_names + 1] = ARGV[i] end
for i = first_name, #ARGV do handlers[#handlers + 1] = ARGV[i] end

-- The queues that exist and are not paused, each once.
local asked = {}
do
  local seen = {}
  local numbers = #queue_names > 0 and call('HMGET', P .. 'Q', unpack(queue_names)) or {}
  for i, number in ipairs(numbers) do
    local held = paused and string.find('\n' .. paused, '\n' .. queue_names[i] .. '\n', 1, true)
    if number and not held and not seen[number] then
      seen[number] = true
      asked[#asked + 1] = number
    end
  end
end
local numbers_known = {}   -- queue -> the numbers that the handlers have there, where they have one
local function numbers_of_handlers(queue)
  local numbers = numbers_known[queue]
  if not numbers then
    numbers = {}
    for _, number in ipairs(call('HMGET', P .. 'n' .. queue, unpack(handlers))) do
      if number then numbers[#numbers + 1] = number end
    end
    numbers_known[queue] = numbers
  end
  return numbers
end
-- Those streams of a queue that are not empty and may be given out, of the index 'f' or 'g': {its name, the score of its
-- front}, the lowest of these first, at most so many.
local function waiting_in(queue, index, most)
  local found = {}
  if #handlers == 0 then
    local all = call('ZRANGE', P .. index .. queue, '0', most - 1, 'WITHSCORES')
    for i = 1, #all, 2 do found[#found + 1] = {all[i], tonumber(all[i + 1])} end
    return found
  end
  local streams = {}
  for i, number in ipairs(numbers_of_handlers(queue)) do streams[i] = queue .. '.' .. number end
  if not streams[1] then return found end
  for i, score in ipairs(call('ZMSCORE', P .. index .. queue, unpack(streams))) do
    if score then found[#found + 1] = {streams[i], tonumber(score)} end
  end
  table.sort(found, function(a, b) return a[2] < b[2] end)
  return found
end

local again = false   -- there is more to do at once
local function next_time()
  local due = call('ZRANGE', P .. 'z', 0, 0, 'WITHSCORES')[2]
  local lease = call('ZRANGE', P .. 'l', 0, 0, 'WITHSCORES')[2]
  local next_due = tonumber(due) or 0
  if lease and (next_due == 0 or lease + steps < next_due) then next_due = lease + steps end
  if call('EXISTS', P .. 'k') == 1 then next_due = now end
  local letter = call('ZRANGE', P .. 'X', 0, 0, 'WITHSCORES')[2]
  if letter and (next_due == 0 or tonumber(letter) < next_due) then next_due = math.max(tonumber(letter), now) end
  return again and now or next_due
end
local function finish_reply(repeated, more, next_due)
  local suspects, unhandled, told = 0, {}, {}
  for _, queue in ipairs(asked) do
    if call('EXISTS', P .. 'g' .. queue) == 1 then
      for _, stream in ipairs(waiting_in(queue, 'g', UNITS)) do
        suspects = suspects + call('ZCARD', P .. 'u' .. stream[1])
      end
    end
    if not repeated and #leases < 3 * wanted and #handlers > 0 and more == 0 then
      local mine = {}
      for _, number in ipairs(numbers_of_handlers(queue)) do mine[queue .. '.' .. number] = true end
      for _, stream in ipairs(call('ZRANGE', P .. 'f' .. queue, 0, #handlers + 16)) do
        if not mine[string.match(stream, '^%d+%.%d+')] and #unhandled < 16 then
          local name = call('HGET', P .. 'e' .. queue, string.match(stream, '%.(%d+)'))
          if name and not told[name] then
            told[name] = true
            unhandled[#unhandled + 1] = name
          end
        end
      end
    end
  end
  return {repeated and (has_next and 2 or 1) or 0, now, steps, version, next_due, suspects, leases, names, first_token, alone and 1 or 0,
          unhandled, more, tonumber(asleep), headers_of_leases()}
end

if before then
  if before == 'more' then return finish_reply(true, 1, next_time()) end
  local first, ids = string.match(before, '^(%d*)|(.*)$')
  for at = 1, #ids, 16 do
    local job = find(sub(ids, at, at + 15))
    if job and job[STATE] == LEASED and job[TOKEN] == first + (at - 1) / 16 then
      tell_lease(job[ID], job[TEXT], place_of_names(number_of(job)))
    end
  end
  return finish_reply(true, 0, next_time())
end
channel = ARGV[14]

-- What is due, at most UNITS of it together -----------------------------------------------------------------------------
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
    local state = job and job[STATE]
    if (state == SCHEDULED or state == READY) and may_expire(job) and job[EXPIRES] <= now then
      finish(job, EXPIRED)
    elseif state == SCHEDULED then
      leave(job)
      make_runnable(job, job[RUN_AT])
    else
      remove(P .. 'z', id)   -- it stayed behind, see jobs.lua
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
  if job and job[STATE] == LEASED then recover(job) else remove(P .. 'l', id) end
end
if units < UNITS and units > 0 then
  flush()
  promote()   -- what was freed may be too late already
end
counters = counters or units < UNITS   -- the clock, by which this was due
flush()
if units <= 0 and wanted > 0 then
  remember('more')
  hold_wakes = false
  wake()
  return finish_reply(false, 1, next_time())
end

-- Forgetting, for which nobody waits: beside work, and never instead of it ---------------------------------------------
local over = call('ZRANGEBYSCORE', P .. 'T', '-inf', kept, 'LIMIT', '0', FORGETS)
for _, id in ipairs(over) do remove(P .. 'T', id) end
local forgotten = forget_due(FORGETS)
again = forgotten == FORGETS or #over == FORGETS
if forgotten == 0 and #over > 0 then
  counters = true
  flush()
end
local asked_for = wanted
wanted = math.min(wanted, units, UNITS - forgotten)

-- Giving out ---------------------------------------------------------------------------------------------------------
begin_giving()
local bytes = 0   -- of payloads
-- The next ones of a queue in the common order of its streams: each is opened when its front has its turn, and read a few
-- at a time.
local function head_of(stream, most)   -- the score of its next one; nil at its end
  if not stream.read[stream.next] and not stream.ended then
    stream.size = math.min(stream.size * 2, most)
    stream.read, stream.next = call('ZRANGE', stream.key, stream.at, stream.at + stream.size - 1, 'WITHSCORES'), 1
    stream.at = stream.at + stream.size
    stream.ended = #stream.read < 2 * stream.size
  end
  return tonumber(stream.read[stream.next + 1])
end
local function merge(family, streams, most)
  local opened, ids = {}, {}
  while #ids < most do
    local first
    for i = 1, #opened do
      local stream = opened[i]
      if stream.head and (not first or stream.head < first.head) then first = stream end
    end
    local closed = streams[#opened + 1]
    if closed and (not first or closed[2] < first.head) then
      first = {key = P .. family .. closed[1], at = 0, size = 2, read = {}, next = 1}
      opened[#opened + 1] = first
    elseif first then
      ids[#ids + 1] = first.read[first.next]
      first.next = first.next + 2
    else
      break
    end
    first.head = head_of(first, most)
  end
  return ids
end
local function fronts_of(queue, family, index, most)
  local numbers, ids = handlers[1] and numbers_of_handlers(queue), nil
  if numbers and #numbers == 1 then
    ids = call('ZRANGE', P .. family .. queue .. '.' .. numbers[1], '0', most - 1)
  else
    ids = merge(family, waiting_in(queue, index, most), most)
  end
  fetch(ids)
  return ids
end
-- What stayed behind in a stream, see jobs.lua, or has no record any more, as after an eviction.
local function drop_stray(id, queue, family, index)
  for _, stream in ipairs(waiting_in(queue, index, UNITS)) do
    local key = P .. family .. stream[1]
    remove(key, id)
    fronts[key] = {key, P .. index .. queue, stream[1]}
  end
  again = true
end

local full = false
if ARGV[12] == '1' and wanted > 0 then
  for _, queue in ipairs(asked) do
    local id = fronts_of(queue, 'u', 'g', 1)[1]
    local job = id and find(id)
    if job and job[STATE] == READY then
      alone = true
      give(job)
      full = true
      break
    elseif id then
      drop_stray(id, queue, 'u', 'g')
    end
  end
end
for _, queue in ipairs(asked) do
  if full or #given >= wanted then break end
  for _, id in ipairs(fronts_of(queue, 'r', 'f', wanted - #given)) do
    local text = texts[id]
    local head = plain(text)
    local job = not head and find(id)
    if job and job[STATE] == READY and may_expire(job) and job[EXPIRES] <= now then
      finish(job, EXPIRED)
    elseif head or job and job[STATE] == READY then
      bytes = bytes + (head and #text - HEADER_BYTES - 1 or job[PAYLOAD])
      if bytes > budget and (#given > 0 or ARGV[13] == '1') then
        full = true
        break
      end
      if head then give_plain(id, text, head) else give(job) end
    else
      drop_stray(id, queue, 'r', 'f')
    end
  end
end
count_plain()
flush()

-- Falling asleep, or not -----------------------------------------------------------------------------------------------
local next_due = next_time()
local satisfied = full or #given >= wanted
local cut = wanted < asked_for and #given >= wanted
local was_asleep = asleep == '1'
local until_when = now - steps + tonumber(ARGV[15])
local function write_down(add)
  local of = #queue_names * #handlers > PLACES and {} or handlers
  for _, queue in ipairs(queue_names) do
    for i = 1, math.max(#of, 1) do
      local key = sleepers_of(queue, of[i] or '')
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
-- Of what this worker was asked to look after there is nothing left: neither have the others to look.
local function call_off_guards()
  call('HDEL', W, 'g')
  local over
  if guarded == 'z' then
    local at = next_time()
    over = at == 0 or call('ZCOUNT', P .. 'D', now, at) >= 2
  else
    over = call('EXISTS', P .. 'r' .. guarded, P .. 'u' .. guarded) == 0
  end
  local guards = over and call('GET', P .. 'G' .. guarded) or ''
  if guards ~= '' then call('DEL', P .. 'G' .. guarded) end
  for at = 1, #guards, 16 do
    local incarnation = sub(guards, at, at + 15)
    local w = P .. 'w' .. incarnation
    if incarnation ~= INCARNATION and call('HGET', w, 'g') == guarded then call('HDEL', w, 'g') end
    tell(incarnation, '\n' .. guarded)
  end
end
if not satisfied and channel ~= '' then
  asleep = '1'
  drop_old(P .. 'A')
  write_down(true)
  call('PEXPIRE', P .. 'A', KNOWN_FOR)
  -- Two look when the next job is due, some a second later in case those are stopped; the others need not. One that is
  -- new may be here in place of those two.
  call('ZREM', P .. 'D', INCARNATION)
  if next_due ~= 0 then
    call('ZREMRANGEBYSCORE', P .. 'D', '-inf', now - 60000)
    if not fresh_worker and call('ZCOUNT', P .. 'D', now, next_due) >= 2 then
      local later = next_due + DEPUTIES_AFTER
      next_due = call('ZCOUNT', P .. 'D', '(' .. next_due, later) < DEPUTIES and later or 0
    end
    if next_due ~= 0 then
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
remember(digits(first_token) .. '|' .. table.concat(given))
if guarded then call_off_guards() end
for number in pairs(waking) do
  local stream = math.floor(number / NAMES) .. '.' .. number % NAMES
  if call('EXISTS', P .. 'r' .. stream, P .. 'u' .. stream) == 0 then waking[number] = nil end
end
-- What is left over is for others, also where it was told of something and wants nothing any more.
if satisfied and (wanted > 0 or was_asleep) and call('EXISTS', P .. 'A') == 1 then
  for _, queue in ipairs(asked) do
    for _, stream in ipairs(waiting_in(queue, 'f', UNITS)) do
      local number = number_of_stream(stream[1])
      waking[number] = waking[number] or 0
    end
  end
end
hold_wakes = false
wake()
return finish_reply(false, cut and 1 or 0, next_due)
