#!lua flags=allow-oom
-- Forgets final jobs that match.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4..8] walk.lua; [9] how many at most.
-- Gives {the number to go on after (0: the end), how many were forgotten}.
begin()
local purged, most = 0, math.min(tonumber(ARGV[9]), UNITS)
local next_after = walk(function(job)
  if not is_final(job) then return true end
  if purged == most then return false end
  forget(job)
  purged = purged + 1
  return true
end)
flush()
return {next_after, purged}
