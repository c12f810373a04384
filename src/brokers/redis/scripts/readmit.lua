#!lua flags=allow-oom
-- Jobs that were withdrawn may come back: their ids are not known any more. Other ids are left alone.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 64 ids. Gives 1.
begin()
local ids = {unpack(ARGV, 4)}
for i, until_when in ipairs(call('ZMSCORE', P .. 'T', unpack(ids))) do
  if until_when and until_when % 1 ~= 0 then remove(P .. 'T', ids[i]) end
end
flush()
return 1
