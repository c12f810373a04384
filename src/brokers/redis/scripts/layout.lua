#!lua flags=allow-oom
-- How many shards the queue has; the first that writes something decides. Who looks and who waits for work does not ask.
--
-- KEYS[1] the m of shard 0; ARGV[1..3] time (begin); [4] how many, where nothing is written down.
-- Gives how many.
begin()
local written = call('HGET', M, 'S')
if written then return tonumber(written) end
-- Where jobs were made before there was a number it is one.
local shards = order > 0 and '1' or ARGV[4]
call('HSET', M, 'S', shards)
return tonumber(shards)
