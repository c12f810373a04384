-- What every script of a shard has in common; put in front of each, with jobs.lua, states.lua, names.lua and wake.lua.
--
-- All keys of a shard begin with the same hash tag, `{namespace:shard}`, here called P; KEYS[1] is P .. 'm'. The others
-- are made from it, so that they stand in the same slot.
--
--   m           HASH    v layout, c clock, s steps of the clock, g of these only guessed, n version, t token, o order,
--                       p place, q queue numbers, x the paused queues' names, each with a line end
--   j<id>       STRING  a job: its header (constants.lua), then its payload and its result, where they are short
--   b<id> s<id> STRING  a long payload, a long result
--   x<id>       HASH    what most jobs do not have: e, m error; p, n progress; b backoff; h headers; a how many attempts
--                       did not succeed, and the newest one's token; they stand in turn in a0, a1, ...
--   d<id>       ZSET    jobs that wait for this one, by their creation
--   k           ZSET    ended jobs whose d<id> is not empty yet
--   r<q>.<n>    ZSET    a stream: ready jobs of queue number q and name number n, by priority and place
--   u<q>.<n>    ZSET    the same of suspects
--   f<q> g<q>   ZSET    the streams of r, of u, that are not empty, by their front's score
--   Q           HASH    queue -> its number;  c<q> HASH its name (N) and state -> jobs
--   n<q> e<q>   HASH    handler -> its number in the queue, and back;  y LIST numbers of queues that are free again
--   l           ZSET    leased jobs by deadline (less s);  z ZSET scheduled or expiring jobs by time
--   E<state>    ZSET    jobs that are blocked, dead, cancelled, expired, by ORDER
--   h           ZSET    times (kept) when final jobs are forgotten;  h<time> LIST their ids, and some that are so no more
--   T           ZSET    forgotten ids by the end of their day (kept), half a millisecond less where the job was withdrawn
--   O           ZSET    pieces of the list by number;  o<i> STRING how many jobs, then the id of each of PIECE, by ORDER
--   w<inc>      HASH    a worker: name, seq and the replies to it, y its channel, z 1 while it sleeps, g what it guards
--   W<machine>  HASH    incarnation -> process there
--   A, a<queue>\n<handler> ZSET  workers that sleep, since when;  D ZSET when some of these will look by themselves
--   G<what>     STRING  those that look whether who was told of a stream's jobs has come: see wake.lua
--   i           HASH    notes
--   F<id> X     SET ZSET  jobs that wait for others elsewhere, letters to other shards: see far.lua
--   U V         ZSET HASH  at shard 0: workers, when they were heard of last, and what they said: see announce.lua
--   q<inc> R<id>  HASH STRING  at shard 0: question -> what a worker is asked;  an answer, for who waits for it
--   K N         ZSET    at shard 0: workers that live, until when; and in their order.  S in m there: how many shards
--
-- Kept free for lanes, limits and uniqueness, which then come with new scripts and move no key: a stream's name may go on,
-- r<q>.<n>.<lane>.<limited key>, and is listed in f<q> like the others; one that has no room leaves f<q> and stands in
-- t ZSET until it may have, its jobs in state 3 (throttled), of which c<q> counts as of any; L<limited key> ZSET ids that are
-- leased under a limit; I<unique key> STRING the id that has it, which only that id gives up. A job's own keys stand in its
-- x<id>, and three of its flags have no meaning yet. Whoever does not know these leaves them alone: a worker is given only
-- of r<q>.<n> for each of its handlers, and of a longer name where it takes any. The older one is to be gone, or refused by
-- another `v`, before limits must hold.
local M = KEYS[1]
local P = string.sub(M, 1, -2)
local call, sub, format, pack, read = redis.call, string.sub, string.format, struct.pack, struct.unpack

-- A cluster's node that is handing this slot over to another one has some of the keys no more, and says so only when one
-- of them is asked for: in the middle of a script, whose first writes would stay. So one is asked for that is nowhere.
local nowhere = redis.pcall('EXISTS', P .. '-')
if nowhere ~= 0 and string.find(nowhere.err, 'non local key', 1, true) then error({err = 'COTERIE MOVING'}) end

local function refuse(what) error({err = 'COTERIE ' .. what}) end

-- Time and counters --------------------------------------------------------------------------------------------------
local now, steps, version, token, order, place, queues
local guessed   -- the part of steps that may have been silence
local kept      -- now, less the steps that were measured: by which records and ids are kept
local paused                -- '' or false: no queue is
local changed, counters = false, false
local waking = {}           -- number of a stream -> jobs that became ready there
local scheduled_at = false  -- the earliest that was scheduled
local wake                  -- see wake.lua

-- ARGV[1]: the time, where it is not the server's (tests); ARGV[2]: when the caller expects it to be, by what it saw
-- last and has measured since, '' at first; ARGV[3]: `steps` as it was then. Where the clock is further than that
-- somebody set it forwards: leases, which count without `steps`, get that time on top.
-- `lease`: a worker's, who may take back what others hold. Where it cannot expect anything yet, and nobody has written for
-- longer than workers that live are silent, two fifths of a lease, that may be such a step too. What is kept for a time goes
-- by `kept`: without those steps that somebody measured, lest one forgets all results and ids; and with those that were
-- guessed, lest a queue that often is silent keeps them for ever.
local function begin(lease)
  local m = call('HMGET', M, 'v', 'c', 's', 'n', 't', 'o', 'p', 'q', 'x', 'g')
  if m[1] and tonumber(m[1]) ~= VERSION then refuse('LAYOUT ' .. m[1]) end
  now = tonumber(ARGV[1])
  if not now then
    local time = call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  steps = tonumber(m[3]) or 0
  guessed = tonumber(m[10]) or steps
  if m[2] and tonumber(m[2]) > now then now = tonumber(m[2]) end
  local expected, ahead, most = tonumber(ARGV[2]), 0, 1000
  if expected then
    ahead = now - (expected + steps - tonumber(ARGV[3]))
  elseif lease and m[2] then
    ahead, most = now - m[2], lease / 2
  end
  if ahead > most then
    steps = steps + ahead
    if not expected then guessed = guessed + ahead end
    counters = true
  end
  kept = now - steps + guessed
  version, token = tonumber(m[4]) or 1, tonumber(m[5]) or 0
  order, place, queues = tonumber(m[6]) or 0, tonumber(m[7]) or 0, tonumber(m[8]) or 0
  paused = m[9]
end
-- Redis takes a number as text, and makes it in a slower way than this; the same one often comes many times.
local texts_of_numbers = {}
local function digits(number)
  local text = texts_of_numbers[number]
  if not text then
    text = format('%d', number)
    texts_of_numbers[number] = text
  end
  return text
end
