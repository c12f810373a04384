#!lua flags=allow-oom
-- Says that a worker lives, and which of all that live it is. Those that were not heard of drop out.
--
-- KEYS[1] the m of shard 0; ARGV[1..3] time (begin); [4] its incarnation; [5] for how long it counts, ms.
-- Gives {how many of them come before it, how many there are}.
begin()
local gone = call('ZRANGEBYSCORE', P .. 'K', '-inf', now - steps, 'LIMIT', 0, 1000)
if #gone > 0 then
  call('ZREM', P .. 'K', unpack(gone))
  call('ZREM', P .. 'N', unpack(gone))
end
call('ZADD', P .. 'K', now - steps + tonumber(ARGV[5]), ARGV[4])
call('ZADD', P .. 'N', 0, ARGV[4])
call('PEXPIRE', P .. 'K', KNOWN_FOR)
call('PEXPIRE', P .. 'N', KNOWN_FOR)
return {call('ZRANK', P .. 'N', ARGV[4]), call('ZCARD', P .. 'N')}
