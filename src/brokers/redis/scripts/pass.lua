#!lua flags=allow-oom
-- A worker that was told of a job cannot take it: another one may.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] queue; [5] handler; [6] how often it may still be passed on, '': it
-- was not yet. That is once for each that sleeps by queue: who cannot run it sleeps again, behind the others.
begin()
local times = tonumber(ARGV[6])
if times ~= 0 then
  times = times or call('ZCARD', sleepers_of(ARGV[4], ''))
  wake_for(ARGV[4], ARGV[5], 1, '\n' .. times - 1)
end
return 1
