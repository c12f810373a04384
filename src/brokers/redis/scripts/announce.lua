#!lua flags=allow-oom
-- A worker says that it is there, or that it ends.
--
-- KEYS[1] the m of shard 0; ARGV[1..3] time (begin); [4] its incarnation; [5] where it hears of questions, '': nowhere;
-- [6] its report; [7] for how long workers are known, ms.
begin()
local old = call('ZRANGEBYSCORE', P .. 'U', '-inf', now - ARGV[7], 'LIMIT', 0, UNITS)
if #old > 0 then
  call('ZREM', P .. 'U', unpack(old))
  call('HDEL', P .. 'V', unpack(old))
end
local before = call('HGET', P .. 'V', ARGV[4])
local started = before and string.match(before, '^%d+') or digits(now)
call('ZADD', P .. 'U', now, ARGV[4])
call('HSET', P .. 'V', ARGV[4], started .. ' ' .. ARGV[5] .. ' ' .. ARGV[6])
call('PEXPIRE', P .. 'U', KNOWN_FOR)
call('PEXPIRE', P .. 'V', KNOWN_FOR)
return 1
