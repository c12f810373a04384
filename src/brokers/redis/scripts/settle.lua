#!lua flags=allow-oom
-- Acknowledges, fails and extends leases: a worker's first script in a cycle. Allowed at full memory, for what has
-- ended can be forgotten.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4..8] worker.lua; [9] the lease, ms; [10] a random number; [11] the
-- usual backoff: base factor cap jitter; then for each entry six:
--   'd' id token result                '' ''            it is done
--   'f' id token kind(0..3) .. delay   type message     it failed; delay -1: its own backoff
--   'a' id token '0' | '1' started     progress note    still held; progress '': unchanged
-- Gives {repeated, a verdict of each (a A f u), the ids to cancel in a row, now, steps, version}.
local before = answered()
begin()
if before then
  local verdicts, ids = string.match(before, '^(%a*)|(.*)$')
  return {1, verdicts, ids, now, steps, version}
end
math.randomseed(tonumber(ARGV[10]))

local function backoff(job)
  local own = has(job, HAS_EXTRAS) and call('HGET', P .. 'x' .. job.id, 'b')
  local base, factor, cap, jitter = string.match(own or ARGV[11], '^(%S+) (%S+) (%S+) (%S+)$')
  base, factor, cap, jitter = tonumber(base), tonumber(factor), tonumber(cap), tonumber(jitter)
  local delay = base * factor ^ math.max(job[ATTEMPT] - 1, 0)
  if not (delay < cap) then delay = cap end
  delay = delay * (1 - jitter * math.random())
  return delay > 0 and math.floor(math.min(delay, 2 ^ 46)) or 0
end

local function held(job, of) return job[STATE] == LEASED and job[TOKEN] == of and job[OWNER] == INCARNATION end
local function keep_result(job, result)
  local short = has(job, LONG_PAYLOAD) and 0 or job[PAYLOAD]
  job[RESULT] = #result
  if #result > 4096 then
    set(job, LONG_RESULT)
    call('SET', P .. 's' .. job.id, result)
  else
    job.tail = string.sub(job.tail, 1, short) .. result
  end
end
local function settle_done(job, of, result)
  if job[SETTLED] == of and of ~= 0 then return has(job, SETTLED_DONE) and 'A' or 'f' end
  if not held(job, of) then return 'f' end
  job[SETTLED] = of
  set(job, SETTLED_DONE)
  if job[TTL] > 0 then keep_result(job, result) end
  finish(job, DONE)
  return 'a'
end
local function settle_failed(job, of, what, kind_of_error, message)
  if job[SETTLED] == of and of ~= 0 then return has(job, SETTLED_DONE) and 'f' or 'A' end
  if not held(job, of) then return 'f' end
  job[SETTLED] = of
  clear(job, SETTLED_DONE)
  clear(job, LOST_BEFORE)
  if kind_of_error ~= '' or message ~= '' then extras(job, 'e', kind_of_error, 'm', message) end
  local kind, delay = string.match(what, '^(%d)(.+)$')
  local last = job[ATTEMPT] >= job[MAX_ATTEMPTS]
  if (kind == '2' or has(job, CANCEL_REQUESTED)) and kind ~= '1' then
    finish(job, CANCELLED)
  elseif kind == '1' or (kind == '0' and last) then
    finish(job, DEAD)
  else
    delay = tonumber(delay)
    if kind == '3' then
      job[ATTEMPT] = job[ATTEMPT] - 1
    elseif delay < 0 then
      delay = backoff(job)
    end
    leave(job)
    make_runnable(job, now + math.max(delay, 0))
  end
  return 'a'
end
local cancel = {}
local function extend(job, of, started, progress, note)
  if not held(job, of) then return 'f' end
  put(P .. 'l', now - steps + tonumber(ARGV[9]), job.id)
  if started == '1' and not has(job, STARTED) then
    set(job, STARTED)
    write_job(job)
  end
  if progress ~= '' then extras(job, 'p', progress, 'n', note) end
  if has(job, CANCEL_REQUESTED) then cancel[#cancel + 1] = job.id end
  return 'a'
end

local ids = {}
for at = 12, #ARGV, 6 do ids[#ids + 1] = ARGV[at + 1] end
fetch(ids)
local verdicts = {}
for at = 12, #ARGV, 6 do
  local what, job, of = ARGV[at], find(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local verdict = 'u'
  if not job then
    verdict = 'u'
  elseif what == 'd' then
    verdict = settle_done(job, of, ARGV[at + 3])
  elseif what == 'f' then
    verdict = settle_failed(job, of, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
  else
    verdict = extend(job, of, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
  end
  verdicts[#verdicts + 1] = verdict
end
counters = true
remember(table.concat(verdicts) .. '|' .. table.concat(cancel))
flush()
return {0, table.concat(verdicts), table.concat(cancel), now, steps, version}
