#!lua flags=allow-oom
-- Acknowledges, fails and extends leases: a worker's first script in a cycle. Allowed at full memory, for what has
-- ended can be forgotten.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4..8] worker.lua; [9] the lease, ms; [10] a random number; [11] the
-- usual backoff: base factor cap jitter; then three lists, with '' between them:
--   done:   id token result; tokens in 6 bytes as in a record
--   failed: id token kind(0..3) .. delay type message brief
--                                                         delay -1: its own backoff; brief: '=' and the message as it is
--                                                         kept of each attempt, '': as it is
--   held:   id token '0' | '1' started progress note      progress '': unchanged
-- Gives {repeated, a verdict of each (a A f u), the ids to cancel in a row, now, steps, version}.
local before = answered()
begin()
if before then
  local verdicts, ids = string.match(before, '^(%a*)|(.*)$')
  return {1, verdicts, ids, now, steps, version}
end
math.randomseed(tonumber(ARGV[10]))

local function backoff(job)
  local own = has(job, HAS_EXTRAS) and call('HGET', P .. 'x' .. job[ID], 'b')
  local base, factor, cap, jitter = string.match(own or ARGV[11], '^(%S+) (%S+) (%S+) (%S+)$')
  base, factor, cap, jitter = tonumber(base), tonumber(factor), tonumber(cap), tonumber(jitter)
  local delay = base * factor ^ math.max(job[ATTEMPT] - 1, 0)
  if not (delay < cap) then delay = cap end
  delay = delay * (1 - jitter * math.random())
  return delay > 0 and math.floor(math.min(delay, 2 ^ 46)) or 0
end

-- Whether its newest lease was settled, by this token and this worker. The token alone would not do: a store that was set
-- back to an older copy may give it out twice.
local function settled(job, of)
  return of ~= 0 and job[SETTLED] == of and job[OWNER] == INCARNATION and job[TOKEN] == of
end
local function held(job, of) return job[STATE] == LEASED and job[TOKEN] == of and job[OWNER] == INCARNATION end
local function keep_result(job, result)
  job[RESULT] = #result
  if #result > SHORT then
    set(job, LONG_RESULT)
    call('SET', P .. 's' .. job[ID], result)
  else
    job[TAIL] = result
  end
end
-- At full memory settling goes on, lest nothing drains; but what it stores is bounded. `room`: bytes that bodies which
-- are not modest may take. It is asked for only where there are any.
local room = math.huge
local function room_left()
  local memory = redis.pcall('INFO', 'memory')
  local function number(name) return type(memory) == 'string' and tonumber(string.match(memory, '\n' .. name .. ':(%d+)')) or 0 end
  local limit = number('maxmemory')
  return limit > 0 and limit - number('used_memory') + number('mem_not_counted_for_evict') or math.huge
end
local function look_for_room(large)
  if large == 0 then return end
  room = room_left()
  if large > room and forget_due(FORGETS) > 0 then room = room_left() end
end
local function fits(body)
  if #body <= MODEST then return true end
  if #body > room then return false end
  room = room - #body
  return true
end
local function settle_done(job, of, result)
  if settled(job, of) then return has(job, SETTLED_DONE) and 'A' or 'f' end
  if not held(job, of) then return 'f' end
  job[SETTLED] = of
  set(job, SETTLED_DONE)
  if job[TTL] > 0 and result then keep_result(job, result) end
  if job[TTL] > 0 and not result then set(job, RESULT_DROPPED) end
  finish(job, DONE)
  return 'a'
end

-- settle_done of many as most are: plain, and with a short result. Gives false where one is not.
local removed = list_of(removes, P .. 'l')
local done_heads = {}   -- STATE, FLAGS of a record -> what stands there when it is done; false: it cannot be
local kinds = {}        -- QUEUE, NAME, TTL of a record -> queue, where it goes to be forgotten, whether its result is kept, how many
local function done_head(part)
  local state, flags = read('<BH', part)
  local head = state == LEASED and flags < UNUSUAL and pack('<BBH', VERSION, DONE, bit.bor(flags, SETTLED_DONE))
  done_heads[part] = head
  return head
end
local function kind_of(part)
  local queue, _, ttl = read('<I3I3I6', part)
  local time = digits(kept + ttl)
  local kind = {queue, list_to_forget(time), ttl > 0, 0}
  kinds[part] = kind
  return kind
end
local function settle_plain(id, of, result)
  local text = texts[id]
  if not text or not result or #result > SHORT or sub(text, OWNER_AT, TOKEN_END) ~= INCARNATION .. of then return false end
  local part = sub(text, STATE_AT, FLAGS_END)
  local head = done_heads[part]
  if head == nil then head = done_head(part) end
  if not head then return false end
  part = sub(text, QUEUE_AT, TTL_END)
  local kind = kinds[part] or kind_of(part)
  kind[4] = kind[4] + 1
  if not kind[3] then result = '' end
  text = head .. of .. pack('<I6I4', now, #result) .. sub(text, ATTEMPT_AT, -2) .. result .. sub(text, -1)
  texts[id] = text
  local n = #whole
  whole[n + 1], whole[n + 2] = key_of[id], text
  kind[2][#kind[2] + 1] = id
  removed[#removed + 1] = id
  return true
end
local function count_plain()
  for _, kind in pairs(kinds) do
    count(kind[1], LEASED, -kind[4])
    count(kind[1], DONE, kind[4])
    changed = true
  end
end

local function is_full() return room_left() <= 0 end
-- Of an error's text what there is room for.
local function shortened(text)
  if fits(text) then return text end
  return string.gsub(sub(text, 1, MODEST), '[\192-\255][\128-\191]*$', '') .. ' (cut: the memory is full)'
end
local function settle_failed(job, of, what, kind_of_error, message, brief)
  if settled(job, of) then return has(job, SETTLED_DONE) and 'f' or 'A' end
  if not held(job, of) then return 'f' end
  job[SETTLED] = of
  clear(job, SETTLED_DONE)
  clear(job, LOST_BEFORE)
  if kind_of_error ~= '' or message ~= '' then
    brief = shortened(brief ~= '' and sub(brief, 2) or message)
    keep_failure(job, ARGV[7], kind_of_error, shortened(message), brief, is_full)
  end
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
local lease_end = digits(now - steps + ARGV[9])
local function extend(job, of, started, progress, note)
  if not held(job, of) then return 'f' end
  add(P .. 'l', lease_end, job[ID])
  if started == '1' and not has(job, STARTED) then
    set(job, STARTED)
    write_job(job)
  end
  if progress ~= '' then extras(job, 'p', progress, 'n', note) end
  if has(job, CANCEL_REQUESTED) then cancel[#cancel + 1] = job[ID] end
  return 'a'
end

local ids, starts, at = {}, {}, 12   -- starts: where each list begins, and where a fourth one would
for list, width in ipairs({3, 6, 5}) do
  starts[list] = at
  while at <= #ARGV and ARGV[at] ~= '' do
    ids[#ids + 1] = ARGV[at]
    at = at + width
  end
  at = at + 1
  starts[list + 1] = at
end
local large = 0
for i = starts[1], starts[2] - 2, 3 do
  local bytes = #ARGV[i + 2]   -- the result
  if bytes > MODEST then large = large + bytes end
end
for i = starts[2], starts[3] - 2, 6 do
  local message, brief = #ARGV[i + 4], #ARGV[i + 5]
  if message > MODEST then large = large + message + (brief > 0 and brief or message) end
end
look_for_room(large)
fetch(ids)
local verdicts = {}
for i = starts[1], starts[2] - 2, 3 do
  local id, of, result = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  result = fits(result) and result
  if settle_plain(id, of, result) then
    verdicts[#verdicts + 1] = 'a'
  else
    local job = find(id)
    verdicts[#verdicts + 1] = job and settle_done(job, read(TOKEN_FORMAT, of), result) or 'u'
  end
end
for i = starts[2], starts[3] - 2, 6 do
  local job, of = find(ARGV[i]), read(TOKEN_FORMAT, ARGV[i + 1])
  verdicts[#verdicts + 1] = job and settle_failed(job, of, ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]) or 'u'
end
for i = starts[3], starts[4] - 2, 5 do
  local job, of = find(ARGV[i]), read(TOKEN_FORMAT, ARGV[i + 1])
  verdicts[#verdicts + 1] = job and extend(job, of, ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]) or 'u'
end
count_plain()
counters = true
flush()
remember(table.concat(verdicts) .. '|' .. table.concat(cancel))
return {0, table.concat(verdicts), table.concat(cancel), now, steps, version}
