-- A page of jobs.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4..8] walk.lua; [9] how many at most; [10] '1': their attempts
-- too, or ''. The page ends behind the job that fills PAGE_BYTES.
-- Gives {the number to go on behind (0: the end), jobs as describe.lua says, how many it looked at}; a page may be shorter
-- than asked for.
begin()
local PAGE_BYTES = 262144
local page, most, bytes = {}, tonumber(ARGV[9]), 0
local next_after, looked = walk(function(job)
  if #page == most or bytes >= PAGE_BYTES then return false end
  local described = describe(job, ARGV[10] == '1')
  bytes = bytes + #job[TEXT]
  for _, field in ipairs(described[7]) do bytes = bytes + #field end
  page[#page + 1] = described
  return true
end)
return {next_after, page, looked}
