#!lua flags=no-writes
-- What the scripts call and this user may not: a script that is refused in its middle has written its beginning.
--
-- KEYS[1] the shard's m; ARGV the commands.
-- Gives those that are refused. (Redis 7.0.0 and 7.0.1 cannot tell: none.)
local refused = {}
for _, name in ipairs(redis.acl_check_cmd and ARGV or {}) do
  local allowed
  if name == 'PUBLISH' then
    allowed = redis.acl_check_cmd(name, P .. 'v', '')
  elseif name == 'TIME' then
    allowed = redis.acl_check_cmd(name)
  else
    allowed = redis.acl_check_cmd(name, M)
  end
  if not allowed then refused[#refused + 1] = name end
end
return refused
