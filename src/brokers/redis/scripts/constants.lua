-- Written into the scripts in place of their names: Lua 5.1 has no constants, and each name that a function uses from
-- outside of it costs every call of every script.

-- A job in a script is an array: its id; its string as it was read (false: it is new); whether flush is to write it; the
-- fields of HEADER; and what is to stand behind the header: of a new job its payload, of another a new result, else a
-- number.
ID = 1
TEXT = 2
DIRTY = 3
LAYOUT = 4
STATE = 5
FLAGS = 6
SETTLED = 7
FINISHED_AT = 8
RESULT = 9
ATTEMPT = 10
STARTED_AT = 11
OWNER = 12
TOKEN = 13
CRASHES = 14
ALONE_CRASHES = 15
WAITS_FOR = 16
ORDER = 17
CREATED = 18
RUN_AT = 19
EXPIRES = 20
QUEUE = 21
NAME = 22
TTL = 23
PRIORITY = 24
TIMEOUT = 25
MAX_ATTEMPTS = 26
MAX_CRASHES = 27
PAYLOAD = 28
TAIL = 29

-- Payload and result follow it where they are short, and then one byte of salt, the id's last: Lua looks at some bytes of
-- a long string only to find out whether it has the same one already, at the last one always, and records that it takes
-- for alike are slow. For the same reason the token has its low byte last. record.hpp is the other end of it.
HEADER = '<BBH>I6<I6I4I3I6c16>I6<I3I3I3I6I6I6I6I3I3I6hI6I3I2I4'
HEADER_BYTES = 113
TOKEN_FORMAT = '>I6'

-- Where parts of it begin and end, for the loops that handle many jobs as most are: *plain* ones, with no flag from
-- UNUSUAL on. These parts tell all about them: STATE, FLAGS and what stands to ATTEMPT; OWNER and TOKEN; QUEUE, NAME, TTL.
STATE_AT = 2
FLAGS_AT = 3
FLAGS_END = 4
ATTEMPT_AT = 21
ATTEMPT_END = 23
OWNER_AT = 30
TOKEN_END = 51
QUEUE_AT = 85
TTL_END = 96
-- As the producer wrote it, from TTL on.
WRITTEN = '<I6hI6I3I2I4'
WRITTEN_BYTES = 23
-- Of all this; what has another is refused.
VERSION = 3
NOBODY = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'

BLOCKED = 0
SCHEDULED = 1
READY = 2
THROTTLED = 3
LEASED = 4
DONE = 5
DEAD = 6
CANCELLED = 7
EXPIRED = 8

STARTED = 1
ALONE = 2
LOST_BEFORE = 4
SETTLED_DONE = 8
HAS_EXTRAS = 16
CANCEL_REQUESTED = 32
UNUSUAL = 32
LONG_PAYLOAD = 64
LONG_RESULT = 128
PREPARING = 256
HAS_DEPENDENTS = 512
MAY_EXPIRE = 1024
WAITS_FAR = 2048
RESULT_DROPPED = 4096

-- In a millisecond: tokens follow each other, and the clock where it is further.
TOKENS = 64
-- Bytes of a payload or a result up to which it stands in the job's own string.
SHORT = 4096
KNOWN_FOR = 86400000
-- Bytes of a result, or of an error's message, that are stored also at full memory.
MODEST = 256
-- Of a job, so many attempts that did not succeed are kept, the newest; each is this and then its error's message. record.hpp
-- is the other end of it.
ATTEMPTS = 10
ATTEMPT_HEADER = '<I3I6I6ss'
-- Of work in one script.
UNITS = 64
-- Of these what a take may forget; it gives out so many less, so that no more comes than goes.
FORGETS = 40
-- 2^41: places within one priority.
LEVEL = 2199023255552
-- 2^24: names within one queue, for a stream's number.
NAMES = 16777216
-- Lists of sleepers that one worker stands in: of each queue and handler, or where these are more, of each queue.
PLACES = 64
-- Who looks whether those that were told of a job have come (wake.lua): so many at most, for a stream once in so long, the
-- first after so long and each so much later than the one before; ms. The last has looked when the next may be asked.
GUARDS = 16
GUARDED_FOR = 1200
LOOK_AFTER = 700
LOOK_APART = 30
-- So many look so much later, ms, than the two that are in charge of what is due.
DEPUTIES = 6
DEPUTIES_AFTER = 1000
-- Of the list: so many ids, behind the number of jobs among them that are left. With Redis' own header 2 KiB.
PIECE = 127
PIECE_BYTES = 2034
