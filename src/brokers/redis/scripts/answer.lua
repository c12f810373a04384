#!lua flags=allow-oom
-- What a worker answers, where somebody still waits for it.
--
-- KEYS[1] the m of shard 0; ARGV[1..3] time (begin); [4] the worker's incarnation; [5] the question's id; [6] the
-- outcome, one character; [7] the text; [8] for how long it is kept, ms.
begin()
local key = P .. 'q' .. ARGV[4]
local question = call('HGET', key, ARGV[5])
if not question then return 0 end
call('HDEL', key, ARGV[5])
call('SET', P .. 'R' .. ARGV[5], ARGV[6] .. ARGV[7], 'PX', ARGV[8])
call('SPUBLISH', string.match(question, '^%S*'), ARGV[5])
return 1
