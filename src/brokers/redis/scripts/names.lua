-- Numbers instead of names in records and keys; behind the prelude of every script. A queue's numbers are used once, and
-- its handlers' as long as it has jobs.
local function queue_number(name, add)
  local number = call('HGET', P .. 'Q', name)
  if number or not add then return tonumber(number) end
  queues = queues + 1
  counters = true
  call('HSET', P .. 'Q', name, queues)
  call('HSET', P .. 'c' .. queues, 'N', name)
  return queues
end
local function name_number(queue, name, add)
  local number = call('HGET', P .. 'n' .. queue, name)
  if number or not add then return tonumber(number) end
  local fresh = call('HLEN', P .. 'n' .. queue) + 1
  call('HSET', P .. 'n' .. queue, name, fresh)
  call('HSET', P .. 'e' .. queue, fresh, name)
  return fresh
end
local names_seen = {}
local function names_of(job)
  local key = job[QUEUE] .. '.' .. job[NAME]
  local both = names_seen[key]
  if not both then
    both = {call('HGET', P .. 'c' .. job[QUEUE], 'N') or '?', call('HGET', P .. 'e' .. job[QUEUE], job[NAME]) or '?'}
    names_seen[key] = both
  end
  return both[1], both[2]
end
