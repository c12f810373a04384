-- Which ids enqueue would know.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 500 ids. Gives for each 1 where it is known.
begin()
local reply = {}
local tombs = call('ZMSCORE', P .. 'T', unpack(ARGV, 4))
for i = 4, #ARGV do
  local tomb = tombs[i - 3]
  reply[#reply + 1] = (tomb and tonumber(tomb) > now or call('EXISTS', P .. 'j' .. ARGV[i]) == 1) and 1 or 0
end
return reply
