#!lua flags=allow-oom
-- Takes jobs that wait out of the queue, for another broker has them: as if they had been cancelled and purged. Not those
-- that others wait for: these would run here now, and what they waited for has not.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 64 ids: none, where only is to be released what ended jobs
-- have left blocked.
-- Gives for each 0 withdrawn, 1 leased, 2 final, 3 unknown, 4 awaited: Withdrawn; 5: more wait or did than one script may
-- look at, ask again.
begin()
for _, id in ipairs(call('ZRANGE', P .. 'k', 0, 0)) do release_dependents(id) end
fetch({unpack(ARGV, 4)})

local pages = UNITS / 4   -- of those that wait, which this script may look at
-- Those that wait no more are dropped, so that nobody looks at them again. In other shards nobody looks from here.
-- Whoever is withdrawn by this very script stays in the list: should the script fail, it waits as before.
local withdrawn = {}
local function awaited(job)
  local key, from = P .. 'd' .. job[ID], 0
  while has(job, HAS_DEPENDENTS) do
    if pages == 0 then return 5 end
    pages = pages - 1
    local members = call('ZRANGE', key, from, from + UNITS - 1)
    if #members == 0 then return false end
    fetch(members)
    local over, waits = {}, false
    for _, member in ipairs(members) do
      local other = find(member)
      if withdrawn[member] then
        from = from + 1
      elseif #member == 16 and not (other and other[STATE] == BLOCKED) then
        over[#over + 1] = member
      else
        waits = true
      end
    end
    if #over > 0 then call('ZREM', key, unpack(over)) end
    if waits then return 4 end
  end
  return false
end

local reply = {}
for i = 4, #ARGV do
  local job = find(ARGV[i])
  local result
  if not job then
    result = 3
  elseif is_final(job) then
    result = 2
  elseif job[STATE] == LEASED then
    result = 1
  else
    result = awaited(job)
  end
  if not result then
    result = 0
    finish(job, CANCELLED)
    forget(job)
    add(P .. 'T', kept + KNOWN_FOR - 0.5, job[ID])
    withdrawn[job[ID]] = true
  end
  reply[#reply + 1] = result
end
flush()
return reply
