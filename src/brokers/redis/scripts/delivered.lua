#!lua flags=allow-oom
-- Letters that another shard has answered.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] the answers in a row, see far.lua; then the letters.
begin()
for i = 5, #ARGV do
  local letter, answer = ARGV[i], sub(ARGV[4], i - 4, i - 4)
  if answer == 'u' then
    add(P .. 'X', now + UNKNOWN_YET, letter)
  else
    if answer == 'e' then out_of_far(sub(letter, 2, 17), sub(letter, 20, 35)) end
    remove(P .. 'X', letter)
  end
end
flush()
return 1
