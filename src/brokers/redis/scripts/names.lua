-- Numbers instead of names in records and keys; behind the prelude of every script. A queue and its handlers have theirs
-- as long as it has jobs; then they are given to others.
local queue_numbers, name_numbers = {}, {}   -- by name; by the queue's number and name
local function queue_number(name)
  local number = queue_numbers[name]
  if number then return number end
  number = tonumber(call('HGET', P .. 'Q', name))
  if not number then
    local free = call('LINDEX', P .. 'y', '0')
    number = tonumber(free)
    if not free then
      if queues + 1 >= NAMES then refuse('QUEUES') end
      queues = queues + 1
      counters = true
      number = queues
      call('HSET', M, 'q', number)   -- first: two queues of one number would be one
    end
    call('HSET', P .. 'c' .. number, 'N', name)   -- before LPOP, which is not refused where memory is full
    if free then call('LPOP', P .. 'y') end
    call('HSET', P .. 'Q', name, number)
  end
  queue_numbers[name] = number
  return number
end
local function name_number(queue, name)
  local known = name_numbers[queue]
  if not known then
    known = {}
    name_numbers[queue] = known
  end
  local number = known[name]
  if number then return number end
  number = tonumber(call('HGET', P .. 'n' .. queue, name))
  if not number then
    number = call('HLEN', P .. 'n' .. queue) + 1
    if number >= NAMES then refuse('HANDLERS') end
    call('HSET', P .. 'e' .. queue, number, name)
    call('HSET', P .. 'n' .. queue, name, number)
  end
  known[name] = number
  return number
end
local names_seen = {}
-- The queue and the handler of a stream, by its number.
local function names_of(number)
  local both = names_seen[number]
  if not both then
    local queue = math.floor(number / NAMES)
    both = {call('HGET', P .. 'c' .. queue, 'N') or '?', call('HGET', P .. 'e' .. queue, number % NAMES) or '?'}
    names_seen[number] = both
  end
  return both[1], both[2]
end
-- Of a stream's name, which may go on behind these two: see prelude.lua.
local function number_of_stream(stream)
  local queue, name = string.match(stream, '^(%d+)%.(%d+)')
  return queue * NAMES + name
end

-- Ids into the list of all jobs; their orders follow each other from `first` on.
local function list_jobs(first, ids)
  local from, last = first, first + #ids - 1
  while from <= last do
    local piece = math.floor(from / PIECE)
    local key, till = P .. 'o' .. piece, math.min(last, piece * PIECE + PIECE - 1)
    local before = call('GETRANGE', key, '0', '1')
    if before == '' then
      call('SETRANGE', key, PIECE_BYTES - 1, '\0')
      call('ZADD', P .. 'O', piece, piece)
    end
    call('SETRANGE', key, '0', pack('<H', (before == '' and 0 or read('<H', before)) + till - from + 1))
    call('SETRANGE', key, 2 + 16 * (from % PIECE), table.concat(ids, '', from - first + 1, till - first + 1))
    from = till + 1
  end
end
