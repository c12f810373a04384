-- What a take gives out; put between worker.lua and take.lua.
local leases, names, places_of_names = {}, {}, {}   -- as in the reply; number of a stream -> its place in names
local any_extras = false   -- among the leases
local given = {}           -- their ids, where this is no repeated reply
local first_token, alone = 0, false
local function place_of_names(number)
  local at = places_of_names[number]
  if not at then
    at = #names
    places_of_names[number] = at
    names[at + 1], names[at + 2] = names_of(number)
  end
  return at
end
local function tell_lease(id, text, at)
  any_extras = true   -- perhaps: it is no plain one
  local n = #leases
  leases[n + 1], leases[n + 2], leases[n + 3] = id, text, at
end
local function headers_of_leases()
  local headers = {}
  if not any_extras then return headers end
  for i = 2, #leases, 3 do
    if bit.band(read('<H', leases[i], FLAGS_AT), HAS_EXTRAS) ~= 0 then
      local found = call('HGET', P .. 'x' .. leases[i - 1], 'h')
      if found then
        headers[#headers + 1] = (i - 2) / 3
        headers[#headers + 1] = found
      end
    end
  end
  return headers
end

-- What is given out is written by the flush that comes next.
local lease_end, time_and_owner, leased
local function begin_giving()
  counters = true
  token = math.max(token, now * TOKENS - 1)   -- so that none comes again where an older copy was restored
  first_token = token + 1
  lease_end = digits(now - steps + ARGV[9])
  time_and_owner, leased = pack('<I6', now) .. INCARNATION, list_of(adds, P .. 'l')
end
local function give(job)
  leave(job)
  token = token + 1
  job[TOKEN], job[OWNER], job[STARTED_AT], job[ATTEMPT] = token, INCARNATION, now, job[ATTEMPT] + 1
  clear(job, STARTED + ALONE)
  if alone then set(job, ALONE) end
  enter(job, LEASED)
  add(P .. 'l', lease_end, job[ID])
  given[#given + 1] = job[ID]
  tell_lease(job[ID], job[TEXT], place_of_names(number_of(job)))
end
-- give of many as most are: plain, and ready.
local leased_heads = {}   -- STATE to ATTEMPT of a record -> what stands there while it is leased; false: it cannot be
local kinds = {}          -- QUEUE, NAME, TTL of a record -> queue, place in names, stream, ids
local function leased_head(part)
  local state, flags = read('<BH', part)
  if bit.band(flags, HAS_EXTRAS) ~= 0 then any_extras = true end
  local head = state == READY and flags < UNUSUAL and
               pack('<BH', LEASED, bit.band(flags, bit.bnot(STARTED + ALONE))) .. sub(part, 4, -4) ..
               pack('<I3', read('<I3', part, #part - 2) + 1)
  leased_heads[part] = head
  return head
end
local function kind_of(part)
  local queue, name = read('<I3I3', part)
  local kind = {queue, place_of_names(queue * NAMES + name), stream_named(queue, name, false), {}}
  kinds[part] = kind
  return kind
end
-- What its record begins with while it is leased; nothing where it is not like that.
local function plain(text)
  if not text then return nil end
  local part = sub(text, STATE_AT, ATTEMPT_END)
  local head = leased_heads[part]
  if head == nil then return leased_head(part) end
  return head
end
local function give_plain(id, text, head)
  local part = sub(text, QUEUE_AT, TTL_END)
  local kind = kinds[part] or kind_of(part)
  token = token + 1
  local n = #parts
  parts[n + 1], parts[n + 2] = key_of[id], head .. time_and_owner .. pack(TOKEN_FORMAT, token)
  texts[id] = nil
  kind[4][#kind[4] + 1] = id
  n = #given   -- whatever is given stands in these three, and nothing else: Lua counts a list each time it is asked to
  given[n + 1] = id
  leased[2 * n + 1], leased[2 * n + 2] = lease_end, id
  leases[3 * n + 1], leases[3 * n + 2], leases[3 * n + 3] = id, text, kind[2]
end
local function count_plain()
  for _, kind in pairs(kinds) do
    local ids, stream = kind[4], kind[3]
    count(kind[1], READY, -#ids)
    count(kind[1], LEASED, #ids)
    local removed = list_of(removes, stream[1])
    for i = 1, #ids do removed[#removed + 1] = ids[i] end
    fronts[stream[1]] = stream
  end
end
