#!lua flags=allow-oom
-- Letters to other shards that are to be sent. Who gets them sends them; where that does not happen, the next one who
-- asks some seconds later does.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] ms: also what is to be sent only by then. Gives up to 64.
begin()
local letters = call('ZRANGEBYSCORE', P .. 'X', '-inf', now + tonumber(ARGV[4]), 'LIMIT', 0, UNITS)
for _, letter in ipairs(letters) do add(P .. 'X', now + RESEND, letter) end
flush()
return letters
