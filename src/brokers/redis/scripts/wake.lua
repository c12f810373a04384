-- Telling workers that sleep; behind names.lua in every script.
--
-- A worker whose take gave it less than it wanted is written down for its queues and handlers, for a lease, and told by a
-- message to its process's channel: so that a job wakes those that are needed, and not everybody. A message that nobody
-- hears (the process is gone) goes to the next. One more is told than there are jobs, for the case that the first dies
-- before it takes. Who was told stands in A no more, and is passed over in its other lists.
--
-- Both may be stopped (SIGSTOP, a frozen container), and hear it no less. So once in GUARDED_FOR some others of those that
-- sleep, by chance, are asked to look in about a second, each a little after the one before; the first that finds nothing
-- there any more calls off the others (take.lua). Who is asked has the stream's name as g in its w<inc> until its next
-- take, and is not asked for it again until then: so those that are stopped stand in nobody's way.
local hold_wakes = false   -- take.lua: what it gives out itself is nothing to wake others for

local function sleepers_of(queue, handler) return P .. 'a' .. queue .. '\n' .. handler end
-- `what`: "queue\nhandler", for who cannot take it and passes it on (pass.lua says how often, behind it); or ''.
local function tell(incarnation, what)
  local channel = call('HGET', P .. 'w' .. incarnation, 'y')
  return channel and channel ~= '' and call('SPUBLISH', channel, incarnation .. what) > 0
end
local tells = 4 * UNITS   -- in one script, that are heard
local deaf = 16 * UNITS    -- and that are not: each dead one costs once in its life
local sleepers           -- in A; nil: not counted yet
local function drop_old(key) call('ZREMRANGEBYSCORE', key, '-inf', now - steps) end
-- Those that have slept longest come first. Where many of these are dead (a rack that lost its power) those that slept last
-- may be alive: they have looked since.
local function tell_some(key, left, what)
  sleepers = sleepers or call('ZCARD', P .. 'A')
  if left > 0 and sleepers > 0 then drop_old(key) end
  while left > 0 and tells > 0 and deaf > 0 and sleepers > 0 do
    local popped = deaf > 4 * UNITS and call('ZPOPMIN', key) or call('ZPOPMAX', key)
    local incarnation = popped[1]
    if not incarnation then break end
    local sleeps = key == P .. 'A' or call('ZREM', P .. 'A', incarnation) == 1
    if sleeps then sleepers = sleepers - 1 end
    if sleeps and tell(incarnation, what) then
      left, tells = left - 1, tells - 1
    else
      deaf = deaf - 1
    end
  end
  return left
end
-- `what`: the stream's name, or 'z' for what will be due; `key`: of those that sleep, who can look.
local asks = 4 * GUARDS   -- in one script
local function set_guards(what, keys)
  if sleepers == 0 or asks == 0 or not call('SET', P .. 'G' .. what, '', 'PX', GUARDED_FOR, 'NX') then return end
  local guards = {}
  for _, key in ipairs(keys) do
    local some = #guards < GUARDS and call('ZRANDMEMBER', key, math.min(GUARDS - #guards, asks)) or {}
    asks = asks - #some
    local since = some[1] and call('ZMSCORE', P .. 'A', unpack(some))
    for i, incarnation in ipairs(some) do
      local w = P .. 'w' .. incarnation
      local seen = since[i] and call('HMGET', w, 'y', 'g') or {}
      local message = incarnation .. '\n' .. what .. '\n' .. LOOK_AFTER + LOOK_APART * #guards
      if seen[1] and seen[1] ~= '' and seen[2] ~= what and call('SPUBLISH', seen[1], message) > 0 then
        call('HSET', w, 'g', what)
        guards[#guards + 1] = incarnation
      end
    end
  end
  call('SET', P .. 'G' .. what, table.concat(guards), 'PX', GUARDED_FOR)
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
    set_guards(math.floor(number / NAMES) .. '.' .. number % NAMES, {sleepers_of(queue, name), sleepers_of(queue, '')})
  end
  -- Some sleep until the next due time; here is an earlier one.
  if at and call('ZCOUNT', P .. 'D', now, at) == 0 then
    tell_some(P .. 'A', 2, '')
    set_guards('z', {P .. 'A'})
  end
end
