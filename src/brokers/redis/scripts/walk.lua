-- Walks over the jobs in the order of their creation; put between the prelude and list.lua or purge.lua.
--
-- ARGV[4] the creation number after which to begin; [5] state or ''; [6] queue or ''; [7] handler or ''.
-- Calls visit(job) for each that matches until it gives false, of a piece of the list at most. Gives the number after which
-- to go on, 0 at the end.
local only_state, only_queue, only_handler = tonumber(ARGV[5]), ARGV[6], ARGV[7]
local function matches(job)
  if only_state and job[STATE] ~= only_state then return false end
  if only_queue == '' and only_handler == '' then return true end
  local queue, handler = names_of(number_of(job))
  return (only_queue == '' or queue == only_queue) and (only_handler == '' or handler == only_handler)
end
local function walk(visit)
  local after = tonumber(ARGV[4])
  local piece = call('ZRANGEBYSCORE', P .. 'O', math.floor((after + 1) / PIECE), '+inf', 'LIMIT', '0', '1')[1]
  if not piece then return 0 end
  local text, ids, numbers = call('GET', P .. 'o' .. piece) or '', {}, {}
  for number = math.max(after + 1, piece * PIECE), piece * PIECE + PIECE - 1 do
    local at = 3 + 16 * (number % PIECE)
    local id = sub(text, at, at + 15)
    if id ~= NOBODY and id ~= '' then
      ids[#ids + 1] = id
      numbers[#numbers + 1] = number
    end
  end
  fetch(ids)
  for i, id in ipairs(ids) do
    local job = find(id)
    -- What was forgotten stands there still, and may stand elsewhere again.
    if job and job[ORDER] == numbers[i] and matches(job) and not visit(job) then return after end
    after = numbers[i]
  end
  return math.max(after, piece * PIECE + PIECE - 1)
end
