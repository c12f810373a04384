#!lua flags=allow-oom
-- Writes a note where it is still what the caller has read. One that holds the new value already is as good: the
-- call was applied, and its reply got lost. Allowed at full memory: a move that makes room there keeps its note here.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] key; [5] '1': it must be [6], '0': it must be absent; [7] value.
-- Gives 1 where it has the value now.
begin()
local present = call('HGET', P .. 'i', ARGV[4])
local same
if ARGV[5] == '1' then same = present == ARGV[6] else same = not present end
if not same then return present == ARGV[7] and 1 or 0 end
call('HSET', P .. 'i', ARGV[4], ARGV[7])
return 1
