-- Jobs that wait for jobs in other shards; put between the prelude and the scripts that concern them.
--
--   the waiting job's shard                              the shard of what it waits for
--   F<id>  SET   what it still waits for elsewhere       d<id>  has the waiting job and its shard's number, 18 bytes
--   X      ZSET  letters to other shards by when they are to be sent
--
-- A letter: 'R' register: I wait for that one; or 'E': the one that you wait for has ended. Then 16 bytes: the waiting
-- job; 2: the shard that the letter goes to; 16: the other job. It stays in X until its answer is on record, and may be
-- applied any number of times: what is taken out of F twice is taken out once, and a job runs when F is empty.
--
--   enqueue           F, X 'R' ──────────▶ d<id>
--                     X less 'R' ◀──────── 'w' it waits, 'e' ended already (out of F), 'u' not known yet (again later)
--   the other ends                         d<id> less it, X 'E'
--                     out of F  ◀───────── 'E'
--                     'o' ───────────────▶ X less 'E'
local RESEND, UNKNOWN_YET = 5000, 10000   -- ms
local function out_of_far(id, other)
  local job = find(id)
  if not job or not has(job, WAITS_FAR) then return end
  call('SREM', P .. 'F' .. id, other)
  if call('EXISTS', P .. 'F' .. id) == 1 then return end
  clear(job, WAITS_FAR)
  write_job(job)
  if job[STATE] ~= BLOCKED then return end
  job[WAITS_FOR] = job[WAITS_FOR] - 1
  if job[WAITS_FOR] > 0 then return end
  leave(job)
  make_runnable(job, math.max(job[RUN_AT], now))
end
