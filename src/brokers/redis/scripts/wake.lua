-- Telling workers that sleep; behind names.lua in every script.
--
-- A worker whose take gave it less than it wanted is written down for its queues and handlers, for a lease, and told by a
-- message to its process's channel: so that a job wakes those that are needed, and not everybody. A message that nobody
-- hears (the process is gone) goes to the next. One more is told than there are jobs, for the case that the first dies
-- before it takes. Who was told stands in A no more, and is passed over in its other lists.
local hold_wakes = false   -- take.lua: what it gives out itself is nothing to wake others for

local function sleepers_of(queue, handler) return P .. 'a' .. queue .. '\n' .. handler end
-- `what`: "queue\nhandler", for who cannot take it and passes it on (pass.lua says how often, behind it); or ''.
local function tell(incarnation, what)
  local channel = call('HGET', P .. 'w' .. incarnation, 'y')
  return channel and channel ~= '' and call('PUBLISH', channel, incarnation .. what) > 0
end
local pops = 4 * UNITS   -- in one script
local sleepers           -- in A; nil: not counted yet
local function drop_old(key) call('ZREMRANGEBYSCORE', key, '-inf', now - steps) end
local function tell_some(key, left, what)
  sleepers = sleepers or call('ZCARD', P .. 'A')
  if left > 0 and sleepers > 0 then drop_old(key) end
  while left > 0 and pops > 0 and sleepers > 0 do
    pops = pops - 1
    local incarnation = call('ZPOPMIN', key)[1]
    if not incarnation then break end
    local sleeps = key == P .. 'A' or call('ZREM', P .. 'A', incarnation) == 1
    if sleeps then sleepers = sleepers - 1 end
    if sleeps and tell(incarnation, what) then left = left - 1 end
  end
  return left
end
local function wake_for(queue, handler, how_many, times)
  local what = queue .. '\n' .. handler
  local left = tell_some(sleepers_of(queue, handler), how_many, what)
  tell_some(sleepers_of(queue, ''), left, what .. (times or ''))
end
wake = function()
  if hold_wakes then return end
  local streams, at = waking, scheduled_at
  waking, scheduled_at = {}, false
  if not at and next(streams) == nil then return end
  sleepers = call('ZCARD', P .. 'A')
  if sleepers == 0 then return end
  for number, how_many in pairs(streams) do
    local queue, name = names_of(number)
    wake_for(queue, name, math.min(how_many, 7) + 1)
  end
  -- Some sleep until the next due time; here is an earlier one.
  if at and call('ZCOUNT', P .. 'D', now, at) == 0 then tell_some(P .. 'A', 2, '') end
end
