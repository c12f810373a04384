-- Jobs by their ids.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 64 ids. Gives for each what describe.lua says, or nil.
begin()
fetch({unpack(ARGV, 4)})
local reply = {}
for i = 4, #ARGV do
  local job = find(ARGV[i])
  reply[#reply + 1] = job and describe(job) or false
end
return reply
