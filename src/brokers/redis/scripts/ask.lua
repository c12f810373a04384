-- A question to a worker, which is told of it where it listens; unless too many wait for it.
--
-- KEYS[1] the m of shard 0; ARGV[1..3] time (begin); [4] the worker's incarnation; [5] its channel; [6] the question's
-- id; [7] where who asks hears of the answer; [8] the text; [9] for how long questions are
-- kept, ms: who asks takes its own back before that; [10] how many may wait. Gives how many
-- others wait where that is too many, else 0.
begin()
local key = P .. 'q' .. ARGV[4]
local waiting = call('HLEN', key)
if waiting >= tonumber(ARGV[10]) then return waiting end
call('HSET', key, ARGV[6], ARGV[7] .. ' ' .. ARGV[8])
call('PEXPIRE', key, ARGV[9])
if ARGV[5] ~= '' then call('SPUBLISH', ARGV[5], ARGV[4]) end
return 0
