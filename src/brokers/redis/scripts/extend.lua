#!lua flags=allow-oom
-- Moves the deadlines of leases that a worker holds, beside its cycle: no seq, no reply that is kept, and nothing is
-- reported started. Allowed at full memory, as an acknowledgement is.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] the worker's incarnation; [5] the lease, ms; then for each lease
-- two: id token. Gives a verdict of each (a f u) in a row.
begin()
local lease_end = digits(now - steps + ARGV[5])
local ids = {}
for at = 6, #ARGV, 2 do ids[#ids + 1] = ARGV[at] end
fetch(ids)
local verdicts = {}
for i, id in ipairs(ids) do
  local job = find(id)
  if not job then
    verdicts[i] = 'u'
  elseif job[STATE] ~= LEASED or job[TOKEN] ~= tonumber(ARGV[5 + 2 * i]) or job[OWNER] ~= ARGV[4] then
    verdicts[i] = 'f'
  else
    add(P .. 'l', lease_end, id)
    verdicts[i] = 'a'
  end
end
flush()
return table.concat(verdicts)
