-- What the scripts of a cycle have in common; put between the prelude and settle.lua or leases.lua.
--
-- ARGV[4] the worker's incarnation, [5] seq, [6] which script of the call this is, from 0; [7] name, [8] process.
-- Each script's reply is kept until the next seq, so that any of them can be repeated after a lost reply.
local INCARNATION = ARGV[4]
local W = P .. 'w' .. INCARNATION
local SEQ, PART = tonumber(ARGV[5]), ARGV[6]
local fresh_worker = false
local channel, asleep   -- as they are written down
local has_next          -- of this call the next script has run, too
local guarded           -- what this worker was asked to look after, see wake.lua

-- The reply that was given to this script of this call; nil where it has not run.
local function answered()
  local seen = call('HMGET', W, 'seq', 'r' .. PART, 'y', 'z', 'r' .. PART + 1, 'g')
  channel, asleep = seen[3] or '', seen[4] or '0'
  has_next, guarded = seen[5], seen[6]
  local last = tonumber(seen[1])
  fresh_worker = not last
  if last and SEQ < last then refuse('SEQ ' .. seen[1]) end
  if last == SEQ then return seen[2] or nil end
  if PART ~= '0' then refuse('PART') end   -- the first script of this call was refused
  return nil
end
local function remember(reply)
  if PART == '0' then
    if has_next then call('DEL', W) end   -- replies of the call before, of which there may be fewer now
    call('HSET', W, 'seq', SEQ, 'name', ARGV[7], 'r0', reply, 'y', channel, 'z', asleep)
    local machine = fresh_worker and string.match(ARGV[8], '^(.*/)[^/]*/[^/]*$')
    if machine then
      call('HSET', P .. 'W' .. machine, INCARNATION, ARGV[8])
      call('PEXPIRE', P .. 'W' .. machine, 7 * KNOWN_FOR)
    end
  else
    call('HSET', W, 'r' .. PART, reply, 'y', channel, 'z', asleep)
  end
  call('PEXPIRE', W, KNOWN_FOR)
end
