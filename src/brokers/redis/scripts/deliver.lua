#!lua flags=allow-oom
-- Letters from another shard, applied.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] the number of the shard that they come from, 2 bytes; then letters.
-- Gives an answer to each in a row: w e u o, see far.lua.
begin()
local function register(waiting, id)
  local job = find(id)
  if not job then
    local tomb = call('ZSCORE', P .. 'T', id)
    return tomb and tonumber(tomb) > kept and 'e' or 'u'
  end
  if is_final(job) then return 'e' end
  add(P .. 'd' .. id, 0, waiting .. ARGV[4])
  set(job, HAS_DEPENDENTS)
  write_job(job)
  return 'w'
end
local answers = {}
for i = 5, #ARGV do
  local waiting, other = sub(ARGV[i], 2, 17), sub(ARGV[i], 20, 35)
  if sub(ARGV[i], 1, 1) == 'R' then
    answers[#answers + 1] = register(waiting, other)
  else
    out_of_far(waiting, other)
    answers[#answers + 1] = 'o'
  end
end
flush()
return table.concat(answers)
