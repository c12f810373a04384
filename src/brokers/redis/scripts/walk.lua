-- Walks over the jobs in the order of their creation, or backwards; put between the prelude and list.lua or purge.lua.
--
-- ARGV[4] the creation number behind which to begin, 0: at the start; [5] state or ''; [6] queue or ''; [7] handler or '';
-- [8] '1': the newest first.
-- Calls visit(job) for each that matches until it gives false, of a piece of a list at most: that of the state, where it has
-- one or few jobs are in it, or that of all jobs. Gives the number behind which to go on, 0 at the end; and how many jobs it
-- looked at.
local after, only_state, only_queue, only_handler = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]
local backwards = ARGV[8] == '1'
local index = only_state and (only_state == BLOCKED or only_state > DONE) and P .. 'E' .. only_state
local function matches(job)
  if only_state and job[STATE] ~= only_state then return false end
  if only_queue == '' and only_handler == '' then return true end
  local queue, handler = names_of(number_of(job))
  return (only_queue == '' or queue == only_queue) and (only_handler == '' or handler == only_handler)
end

-- Ids of a part of the list of all jobs, their numbers, and behind which number the rest comes; nothing at its end.
local function piece_of_all()
  local piece
  if backwards then
    local from = after == 0 and '+inf' or math.floor((after - 1) / PIECE)
    piece = call('ZRANGE', P .. 'O', from, '-inf', 'BYSCORE', 'REV', 'LIMIT', '0', '1')[1]
  else
    piece = call('ZRANGEBYSCORE', P .. 'O', math.floor((after + 1) / PIECE), '+inf', 'LIMIT', '0', '1')[1]
  end
  if not piece then return end
  local text, ids, numbers = call('GET', P .. 'o' .. piece) or '', {}, {}
  local first = piece * PIECE
  local last = first + PIECE - 1
  local from, to, step, rest = math.max(after + 1, first), last, 1, math.max(after, last)
  if backwards then from, to, step, rest = after == 0 and last or math.min(after - 1, last), first, -1, first end
  for number = from, to, step do
    local at = 3 + 16 * (number % PIECE)
    local id = sub(text, at, at + 15)
    if id ~= NOBODY and id ~= '' then
      ids[#ids + 1] = id
      numbers[#numbers + 1] = number
    end
  end
  return ids, numbers, rest
end

-- The same of a state that has a list of its own.
local function piece_of_index()
  local found
  if backwards then
    local from = after == 0 and '+inf' or '(' .. digits(after)
    found = call('ZRANGE', index, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', '0', UNITS, 'WITHSCORES')
  else
    found = call('ZRANGEBYSCORE', index, '(' .. digits(after), '+inf', 'WITHSCORES', 'LIMIT', '0', UNITS)
  end
  local ids, numbers = {}, {}
  for i = 1, #found, 2 do
    ids[#ids + 1] = found[i]
    numbers[#numbers + 1] = tonumber(found[i + 1])
  end
  return ids, numbers, #ids == UNITS and numbers[UNITS] or 0
end

-- Ids of all jobs in a state that stands in another order, where these are few: most of a long list is not in it.
local FEW = 500
local function append(ids, found)
  if #ids + #found > FEW then return end
  for i = 1, #found do ids[#ids + 1] = found[i] end
  return ids
end
local function numbers_of_queues()
  if only_queue ~= '' then return {(call('HGET', P .. 'Q', only_queue)) or nil} end
  local names, numbers = call('HLEN', P .. 'Q') <= UNITS and call('HGETALL', P .. 'Q'), {}
  if not names then return end
  for i = 2, #names, 2 do numbers[#numbers + 1] = names[i] end
  return numbers
end
local function all_ready()
  local numbers = numbers_of_queues()
  local ids = numbers and {}
  for _, number in ipairs(numbers or {}) do
    for streams, stream in pairs({f = 'r', g = 'u'}) do
      local names = append({}, call('ZRANGE', P .. streams .. number, 0, FEW))
      if not names then return end
      for _, name in ipairs(names) do
        ids = append(ids, call('ZRANGE', P .. stream .. name, 0, FEW))
        if not ids then return end
      end
    end
  end
  return ids
end
local function all_done()
  local ids = {}
  local times = append({}, call('ZRANGE', P .. 'h', 0, FEW))
  if not times then return end
  for _, time in ipairs(times) do
    ids = append(ids, call('LRANGE', P .. 'h' .. time, 0, FEW))
    if not ids then return end
  end
  return ids
end
local function few()
  if only_state == THROTTLED then return {} end   -- no job is there yet
  if only_state == READY then return all_ready() end
  if only_state == SCHEDULED then return append({}, call('ZRANGE', P .. 'z', 0, FEW)) end
  if only_state == LEASED then return append({}, call('ZRANGE', P .. 'l', 0, FEW)) end
  if only_state == DONE then return all_done() end
end
-- As piece_of_all.
local function piece_of_few(ids)
  fetch(ids)
  local found, seen = {}, {}
  for _, id in ipairs(ids) do
    local job = not seen[id] and find(id)
    seen[id] = true
    if job and (after == 0 or backwards and job[ORDER] < after or not backwards and job[ORDER] > after) then
      found[#found + 1] = job
    end
  end
  table.sort(found, function(a, b)
    if backwards then return a[ORDER] > b[ORDER] end
    return a[ORDER] < b[ORDER]
  end)
  local sorted, numbers = {}, {}
  for i, job in ipairs(found) do sorted[i], numbers[i] = job[ID], job[ORDER] end
  return sorted, numbers, 0
end

local function piece()
  if only_queue ~= '' and not call('HGET', P .. 'Q', only_queue) then return end
  if index then return piece_of_index() end
  local ids = only_state and few()
  if ids then return piece_of_few(ids) end
  return piece_of_all()
end

local function walk(visit)
  local ids, numbers, rest = piece()
  if not ids then return 0, 0 end
  fetch(ids)
  for i, id in ipairs(ids) do
    local job = find(id)
    -- What was forgotten stands in the list of all still, and may stand elsewhere again. Of an index it is dropped, by who
    -- writes.
    local there = job and job[ORDER] == numbers[i]
    if there and matches(job) and not visit(job) then return after, i - 1 end
    if index and not (there and job[STATE] == only_state) then remove(index, id) end
    after = numbers[i]
  end
  return rest, #ids
end
