#!lua flags=allow-oom
-- How many shards the queue has; the first that asks decides.
--
-- KEYS[1] the m of shard 0; ARGV[1..3] time (begin); [4] how many, where nothing is written down.
-- Gives how many.
begin()
local written = call('HGET', M, 'S')
if written then return tonumber(written) end
-- What was made before there was a number has one.
local shards = call('HGET', M, 'v') and '1' or ARGV[4]
call('HSET', M, 'S', shards)
return tonumber(shards)
