-- Jobs and sets in a script's memory; behind the prelude. Calls compute, and `flush` writes, so that a script that is
-- refused has written nothing.

-- Jobs ---------------------------------------------------------------------------------------------------------------
local jobs = {}    -- id -> job, see constants.lua; false: there is none
local texts = {}   -- id -> its string, where it was read and is no job yet
local key_of = {}  -- id -> the key of that, where it was read
local dirty = {}   -- the jobs that flush writes
local whole = {}   -- keys and strings in turn, which it writes before those
local parts = {}   -- keys and, in turn, what it writes from STATE_AT on

local function has(job, flag) return bit.band(job[FLAGS], flag) ~= 0 end
local function set(job, flag) job[FLAGS] = bit.bor(job[FLAGS], flag) end
local function clear(job, flag) job[FLAGS] = bit.band(job[FLAGS], bit.bnot(flag)) end

local function find(id)
  local job = jobs[id]
  if job == nil then
    local text = texts[id] or call('GET', P .. 'j' .. id)
    job = text and {id, text, false, read(HEADER, text)}
    jobs[id], texts[id] = job, nil
  end
  return job
end
-- Many at once: after it, find costs no call.
local function fetch(ids)
  local keys, missing, n, prefix = {}, {}, 0, P .. 'j'
  for i = 1, #ids do
    local id = ids[i]
    if jobs[id] == nil and texts[id] == nil then
      n = n + 1
      local key = prefix .. id
      keys[n], missing[n], key_of[id] = key, id, key
      jobs[id] = false
    end
  end
  if n == 0 then return end
  local found = call('MGET', unpack(keys))
  for i = 1, n do
    local text = found[i]
    if text then
      local id = missing[i]
      jobs[id], texts[id] = nil, text
    end
  end
end
local function write_job(job)
  if job[DIRTY] then return end
  job[DIRTY] = true
  dirty[#dirty + 1] = job
end

local extra = {}   -- id -> fields and values of x<id> that flush writes
local function extras(job, ...)
  set(job, HAS_EXTRAS)
  write_job(job)
  local fields = extra[job[ID]] or {}
  for _, part in ipairs({...}) do fields[#fields + 1] = part end
  extra[job[ID]] = fields
end

local gone = {}   -- jobs that flush deletes
local function delete_job(job)
  job[DIRTY] = false
  jobs[job[ID]] = false
  extra[job[ID]] = nil
  gone[#gone + 1] = job
end

-- Sorted sets, lists and counts --------------------------------------------------------------------------------------
local adds, removes = {}, {}   -- of sorted sets: key -> scores and members in turn; key -> members, which are first
local pushes = {}              -- of lists: key -> elements
local counts = {}              -- number of a queue * 16 + state -> by how many more
local fronts = {}              -- key of a stream whose front may have changed -> the stream

local function list_of(lists, key)
  local list = lists[key]
  if not list then
    list = {}
    lists[key] = list
  end
  return list
end
local function add(key, score, member)
  local removed = removes[key]
  if removed then   -- removals come last
    for i = #removed, 1, -1 do
      if removed[i] == member then table.remove(removed, i) end
    end
  end
  local list = list_of(adds, key)
  local n = #list
  list[n + 1], list[n + 2] = score, member
end
local function remove(key, member)
  local added = adds[key]
  if added then   -- seldom: what was added in this script is not
    for i = #added, 2, -2 do
      if added[i] == member then
        table.remove(added, i)
        table.remove(added, i - 1)
      end
    end
  end
  local list = list_of(removes, key)
  list[#list + 1] = member
end
local function count(queue, state, by)
  local which = queue * 16 + state
  counts[which] = (counts[which] or 0) + by
end

-- Writing ------------------------------------------------------------------------------------------------------------
-- Redis takes nothing back where one of these fails. So what an unwritten record might miss comes before the records, and
-- what it might need still comes behind them: a job is always somewhere, and where its record says otherwise an entry is
-- one that stayed behind, which is dropped by whoever comes upon it. Counts are too high then, never too low.
local function write_counters()
  -- Whoever sleeps until the next due time must look again where that is earlier now.
  if scheduled_at and not changed then
    local first = call('ZRANGE', P .. 'z', '0', '0', 'WITHSCORES')[2]
    changed = not first or tonumber(first) >= scheduled_at
  end
  if changed then version = version + 1 end
  if changed or counters then
    call('HSET', M, 'v', VERSION, 'c', digits(now), 's', digits(steps), 'g', digits(guessed), 'n', digits(version), 't', digits(token),
         'o', digits(order), 'p', digits(place), 'q', digits(queues))
  end
end
local function write_jobs()
  for id, fields in pairs(extra) do call('HSET', P .. 'x' .. id, unpack(fields)) end
  for i = 1, #parts, 2 do call('SETRANGE', parts[i], '1', parts[i + 1]) end
  for i = 1, #dirty do
    local job = dirty[i]
    if job[DIRTY] then
      local text, tail = job[TEXT], job[TAIL]
      if text then
        local result = type(tail) == 'string' and tail   -- a new one
        local payload = has(job, LONG_PAYLOAD) and 0 or job[PAYLOAD]
        tail = result and sub(text, HEADER_BYTES + 1, HEADER_BYTES + payload) .. result .. sub(text, -1) or
               sub(text, HEADER_BYTES + 1)
      end
      text = pack(HEADER, unpack(job, LAYOUT, PAYLOAD)) .. tail
      job[DIRTY], job[TEXT], job[TAIL] = false, text, 0
      whole[#whole + 1] = P .. 'j' .. job[ID]
      whole[#whole + 1] = text
    end
  end
  for i = 1, #whole, 1000 do call('MSET', unpack(whole, i, math.min(i + 999, #whole))) end
  dirty, whole, parts, extra = {}, {}, {}, {}
end
local function write_all(command, lists)
  for key, list in pairs(lists) do
    for i = 1, #list, 1000 do call(command, key, unpack(list, i, math.min(i + 999, #list))) end
  end
end
-- The index says which streams are not empty, and the score of their fronts.
local function write_front(stream)
  local first = call('ZRANGE', stream[1], '0', '0', 'WITHSCORES')
  if first[1] then
    call('ZADD', stream[2], first[2], stream[3])
  else
    call('ZREM', stream[2], stream[3])
  end
end
local function write_adds()
  write_all('ZADD', adds)
  write_all('RPUSH', pushes)
  for key, stream in pairs(fronts) do
    if adds[key] then write_front(stream) end
  end
  adds, pushes = {}, {}
end
local function write_removes()
  write_all('ZREM', removes)
  for key, stream in pairs(fronts) do
    if removes[key] then write_front(stream) end
  end
  removes, fronts = {}, {}
end
local function unlink(keys)
  for i = 1, #keys, 1000 do call('UNLINK', unpack(keys, i, math.min(i + 999, #keys))) end
end
local function delete_gone()
  if #gone == 0 then return end
  local keys, pieces = {}, {}
  for _, job in ipairs(gone) do
    keys[#keys + 1] = P .. 'j' .. job[ID]
    if has(job, LONG_PAYLOAD) then keys[#keys + 1] = P .. 'b' .. job[ID] end
    if has(job, LONG_RESULT) then keys[#keys + 1] = P .. 's' .. job[ID] end
    if has(job, HAS_EXTRAS) then keys[#keys + 1] = P .. 'x' .. job[ID] end
    if has(job, WAITS_FAR) then keys[#keys + 1] = P .. 'F' .. job[ID] end
    local piece = math.floor(job[ORDER] / PIECE)
    pieces[piece] = (pieces[piece] or 0) + 1
  end
  unlink(keys)
  keys = {}
  for piece, less in pairs(pieces) do
    local key = P .. 'o' .. piece
    local head = call('GETRANGE', key, '0', '1')
    local left = #head == 2 and read('<H', head) - less or 0
    if left > 0 then
      call('SETRANGE', key, '0', pack('<H', left))
    else
      keys[#keys + 1] = key
      call('ZREM', P .. 'O', piece)
    end
  end
  unlink(keys)
  gone = {}
end
-- A queue without jobs leaves nothing behind but its number, for the next one; the last one not even that.
local function drop_queue(queue)
  local name = call('HGET', P .. 'c' .. queue, 'N')
  local listed = name and call('HDEL', P .. 'Q', name) == 1
  call('UNLINK', P .. 'c' .. queue, P .. 'n' .. queue, P .. 'e' .. queue, P .. 'f' .. queue, P .. 'g' .. queue)
  if call('EXISTS', P .. 'Q') == 0 then
    call('UNLINK', P .. 'y')
    queues = 0
    call('HSET', M, 'q', '0')
  elseif listed then
    call('RPUSH', P .. 'y', queue)
  end
end
local function write_counts_up()
  for which, by in pairs(counts) do
    if by > 0 then call('HINCRBY', P .. 'c' .. math.floor(which / 16), which % 16, by) end
  end
end
local function write_counts_down()
  local less = {}
  for which, by in pairs(counts) do
    local queue, state = math.floor(which / 16), which % 16
    if by < 0 and call('HINCRBY', P .. 'c' .. queue, state, by) == 0 then
      call('HDEL', P .. 'c' .. queue, state)
      less[queue] = true
    end
  end
  for queue in pairs(less) do
    if call('HLEN', P .. 'c' .. queue) == 1 then drop_queue(queue) end
  end
  counts = {}
end

-- Everything that was computed, and wakes who waits for it. What it writes is a complete transition, so a script may
-- call it before it reads on.
local function flush()
  write_counters()
  write_counts_up()
  write_adds()
  write_jobs()
  delete_gone()
  write_removes()
  write_counts_down()
  if changed then call('SPUBLISH', P .. 'v', version) end
  changed, counters = false, false
  wake()
end
