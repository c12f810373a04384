"""gdb commands that show the tasks of a program of Coterie, live or from a core, with or without symbols.

    gdb -x /usr/share/coterie/gdb/coterie.py ./program core
    (gdb) coterie tree         every task under the one that spawned it
    (gdb) coterie tasks        a line a task
    (gdb) coterie task 17      one task, with its stack
    (gdb) coterie deadlocks    tasks that wait for each other

Everything is read from memory by the offsets that the program itself carries, in its section ".coterie": no symbol, no
debug information and no code of the program is used.
"""
import re
import struct

import gdb

MAGIC = b"coterie-debug\n\x01\x00"
VERSION = 1
# The words of src/core/debug_block.hpp behind magic, in their order.
FIELDS = """
version size self first_loop
loop_next loop_thread loop_current loop_first_task loop_task_count
task_registry_next task_queue_next task_id task_parent_id task_ended task_ended_cancelled task_own_class
task_cancel_requests task_top task_waiting_on task_notes task_spawned_at
notes_name notes_cancelled_by notes_cancelled_at
frame_caller frame_awaiting frame_child frame_root_tag frame_tags frame_kind_mask frame_kind_shift frame_generator
frame_wrapper
leaf_kind leaf_object kind_task kind_shield kind_lock kind_read_lock kind_write_lock primitive_holder_id
string_data string_size location_file location_function location_line
task_polls task_born born_shift primitive_name kinds_primitive kinds_lock kinds_timer kinds_descriptor
kind_condition condition_lock
""".split()
WAITS = """nothing|its turn|a timer|a task|a future|a gather|a task group's children|a shielded task|an event|a lock|a semaphore|an
 item of a queue|room in a queue|a queue's items to be done|a thread|a descriptor to become readable|a descriptor to become
 writable|a process to exit|a signal|a callback|a condition|the others at a barrier|a lock to read|a lock to write|room in a
 channel|an item of a channel|several tasks|the first of several tasks|the next task to end|a scope's tasks|an operation of
 Asio|a wake-up""".replace("\n", "").split("|")
MOST_TASKS = 1_000_000
MOST_FRAMES = 10_000
MOST_TEXT = 1_000


class Unreadable(Exception):
    pass


def read(address, size):
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.error as error:  # MemoryError is one
        raise Unreadable(f"{address:#x} cannot be read: {error}") from None


def unpack(kind, address):
    return struct.unpack("<" + kind, read(address, struct.calcsize(kind)))[0]


def word(address):
    return unpack("Q", address)


def text(address):
    """A C string, read in pieces that do not cross a page."""
    found = b""
    while len(found) < MOST_TEXT:
        piece = read(address, min(256, 4096 - address % 4096))
        found += piece.split(b"\0")[0]
        if b"\0" in piece:
            break
        address += len(piece)
    return found.decode(errors="replace")


def printable(name):
    """What would move the cursor of a terminal is spelled out."""
    def spell(match):
        code = ord(match.group())
        return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"
    return re.sub("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", spell, name)


def skip_brackets(rest):
    depth = 0
    for i, c in enumerate(rest):
        if c in "(<{":
            depth += 1
        if c in ")}" or (c == ">" and rest[i - 1] != "-"):
            depth -= 1
        if depth == 0:
            return rest[i + 1:]
    return ""


def function_name(rest):
    """As coterie::function_name(): without return type, parameters and template arguments, for both compilers."""
    def skip(*prefixes):
        nonlocal rest
        for prefix in prefixes:
            if rest.startswith(prefix):
                rest = rest[len(prefix):]
                return True
        return False

    name = ""
    while rest and not rest.startswith((" [", " requires ", "  requires ")):
        if skip("(anonymous namespace)::", "{anonymous}::"):
            continue
        if rest.startswith(("<lambda", "(anonymous class)", "(lambda at ")):
            rest = skip_brackets(rest)
            skip(" mutable")
            skip("::operator()")
            name += "<lambda>"
        elif re.match(r"operator(?![\w$])", rest) and not re.search(r"[\w$]$", name):
            end = rest.find("(", 10 if rest.startswith("operator()") else 8)
            end = len(rest) if end < 0 else end
            name += rest[:end]
            rest = rest[end:]
        elif rest[0] == "(":
            rest = skip_brackets(rest)
            while skip(" const", " volatile", " noexcept", " &&", " &"):
                pass
        elif rest[0] == "<":
            rest = skip_brackets(rest)
        elif rest[0] == " ":
            name, rest = "", rest[1:]
        else:
            name, rest = name + rest[0], rest[1:]
    return name.lstrip("*&")


class Block:
    """The offsets that the program carries."""

    def __init__(self, address):
        self.address = address
        if read(address, len(MAGIC)) != MAGIC:
            raise Unreadable("there is no debug block")
        words = struct.unpack(f"<{len(FIELDS)}Q", read(address + len(MAGIC), 8 * len(FIELDS)))
        for field, value in zip(FIELDS, words):
            setattr(self, field, value)
        if self.self != address:
            raise Unreadable("the program has not begun to run")
        if self.version != VERSION or self.size < len(MAGIC) + 8 * len(FIELDS):
            raise Unreadable(f"the debug block has version {self.version}, and this script reads {VERSION}")

    @staticmethod
    def find():
        why = "this is no program of Coterie: it has no section .coterie"
        for match in re.finditer(r"0x([0-9a-f]+) - 0x[0-9a-f]+ is \.coterie\b", gdb.execute("info files", to_string=True)):
            try:
                return Block(int(match.group(1), 16))
            except Unreadable as error:
                why = str(error)
        raise gdb.GdbError(why)


class Task:
    def __init__(self, block, address):
        at = self.block = block
        self.address = address
        self.problem = None
        self.id = word(address + at.task_id)
        self.parent = word(address + at.task_parent_id)
        self.name = f"Task-{self.id}"
        self.cancels = unpack("H", address + at.task_cancel_requests)
        self.sched_class = unpack("h", address + at.task_own_class)
        self.ready = word(address + at.task_queue_next) != 0
        leaf = word(address + at.task_waiting_on)
        self.ended = unpack("B", address + at.task_ended) != 0
        self.cancelled = unpack("B", address + at.task_ended_cancelled) != 0
        self.runs = not self.ended and not self.ready and leaf == 0
        self.kind = self.object = self.holder = self.canceller = 0
        self.object_name, self.due, self.descriptor = "", None, None
        self.lock, self.lock_name, self.lock_holder = 0, "", 0  # of a condition
        self.polls = unpack("I", address + at.task_polls)
        self.waits_for = []
        self.spawned = ("", 0)
        self.stack = []
        try:
            self.spawned = self.place(word(address + at.task_spawned_at))
            self.read_notes(word(address + at.task_notes))
            if leaf != 0 and not self.ready:
                self.read_wait(leaf)
            if not self.ended:
                self.read_stack(word(address + at.task_top))
        except Unreadable as error:
            self.problem = str(error)

    def place(self, location):
        if location == 0:
            return ("", 0)
        file = text(word(location + self.block.location_file))
        return (file.rsplit("/", 1)[-1], unpack("I", location + self.block.location_line))

    def read_notes(self, notes):
        if notes == 0:
            return
        name = notes + self.block.notes_name
        size = min(word(name + self.block.string_size), MOST_TEXT)
        if size > 0:
            self.name = read(word(name + self.block.string_data), size).decode(errors="replace")
        if word(notes + self.block.notes_cancelled_at) != 0:
            self.canceller = word(notes + self.block.notes_cancelled_by)

    def read_wait(self, leaf):
        at = self.block
        self.kind = unpack("B", leaf + at.leaf_kind)
        self.object = word(leaf + at.leaf_object)
        if self.object == 0:
            return
        if at.kinds_primitive >> self.kind & 1:
            self.holder, self.object_name = self.primitive(self.object)
            if self.kind == at.kind_condition:
                self.lock = word(self.object + at.condition_lock)
                self.lock_holder, self.lock_name = self.primitive(self.lock)
        elif at.kinds_timer >> self.kind & 1:
            self.due = unpack("q", self.object)
        elif at.kinds_descriptor >> self.kind & 1:
            self.descriptor = unpack("i", self.object)

    def primitive(self, address):
        """Who holds it, and its name."""
        name = word(address + self.block.primitive_name)
        return word(address + self.block.primitive_holder_id), text(name) if name else ""

    @property
    def locked_by(self):
        """Who has to give something back before the wait can end; 0: nobody is known to."""
        return self.holder if self.block.kinds_lock >> self.kind & 1 else 0

    def read_stack(self, top):
        at = self.block
        frame, met, whole = top, set(), True
        while frame != 0:  # inwards
            slot = word(frame + at.frame_child) & ~1
            child = word(slot) if slot != 0 else 0
            if child == 0:
                break
            if child in met:
                raise Unreadable("its stack is torn")
            if len(met) + 1 >= MOST_FRAMES:
                whole = False
                break
            met.add(child)
            frame = child
        met = set()
        while frame != 0:
            if frame in met or len(met) > MOST_FRAMES:
                raise Unreadable("its stack is torn")
            met.add(frame)
            caller = word(frame + at.frame_caller)
            if (caller & at.frame_kind_mask) >> at.frame_kind_shift != at.frame_wrapper:
                location = word(frame + at.frame_awaiting)
                function = function_name(text(word(location + at.location_function))) if location else ""
                self.stack.append((function,) + self.place(location))
            frame = 0 if caller & at.frame_root_tag else caller & ~at.frame_tags
        if not whole:
            raise Unreadable("its stack is longer than what is read: this is the outer part")

    @property
    def state(self):
        if self.ended:
            return "cancelled" if self.cancelled else "finished"
        return "cancelling" if self.cancels else "running" if self.runs else "pending"


class Loop:
    """The tasks of one loop, as text in the format of `coterie dump`."""

    def __init__(self, block, address, number):
        self.block = block
        self.number = number
        self.thread = unpack("i", address + block.loop_thread)
        self.tasks = []
        self.problem = None
        self.numbers = {}
        by_address = {}
        try:
            task = word(address + block.loop_first_task)
            while task != 0 and task not in by_address and len(self.tasks) < MOST_TASKS:
                by_address[task] = Task(block, task)
                self.tasks.append(by_address[task])
                task = word(task + block.task_registry_next)
        except Unreadable as error:
            self.problem = str(error)
        self.by_id = {task.id: task for task in self.tasks}
        for task in self.tasks:
            awaited = by_address.get(task.object)
            if awaited is not None and task.kind in (block.kind_task, block.kind_shield):
                task.waits_for.append(awaited.id)

    @staticmethod
    def all():
        block = Block.find()
        loops, address, met = [], block.first_loop, set()
        while address != 0 and address not in met:
            met.add(address)
            loops.append(Loop(block, address, len(loops) + 1))
            address = word(address + block.loop_next)
        return loops

    def headline(self):
        where = f"thread {self.thread}" if self.thread else "does not run"
        return f"loop {self.number}  {where}" + (f"  {self.problem}" if self.problem else "")

    def reference(self, id):
        return f"#{id}" + (f" '{printable(self.by_id[id].name)}'" if id in self.by_id else "")

    def number_of(self, object):
        return self.numbers.setdefault(object, len(self.numbers) + 1)

    def wait(self, task):
        if task.ready:
            return "  ready"
        if task.kind == 0:
            return ""
        line = "  waits for " + (WAITS[task.kind] if task.kind < len(WAITS) else "something unknown")
        if task.waits_for:
            return line + ": " + ", ".join(map(self.reference, task.waits_for))
        if task.due is not None:
            return line
        if task.descriptor is not None:
            return line + f", fd {task.descriptor}"
        if task.object:
            line += " " + self.object(task.object, task.object_name)
        by = "held by" if task.locked_by else "last taken by"
        line += f", {by} {self.reference(task.holder)}" if task.holder else ""
        if task.lock:
            line += ", under lock " + self.object(task.lock, task.lock_name)
            line += f", held by {self.reference(task.lock_holder)}" if task.lock_holder else ""
        return line

    def object(self, address, name):
        name = printable(name).replace("\\", "\\\\").replace("'", "\\'")
        return f"@{self.number_of(address)}" + (f" '{name}'" if name else "")

    def line(self, task):
        line = f"#{task.id} {printable(task.name)}  {task.state}"
        if task.cancels > 1:
            line += f" ({task.cancels} requests)"
        line += self.wait(task)
        if task.sched_class:
            line += f"  class {task.sched_class}"
        if task.spawned[1]:
            line += f"  spawned {printable(task.spawned[0])}:{task.spawned[1]}"
        return line + (f"  ({task.problem})" if task.problem else "")

    def stack(self, task, prefix):
        for i, (function, file, line) in enumerate(task.stack):
            now = "  <- runs now" if i == 0 and task.runs else ""
            print(f"{prefix}{printable(function)}() {printable(file)}:{line}{now}")

    def tree(self):
        children = {}
        for task in self.tasks:
            children.setdefault(task.parent if task.parent in self.by_id else 0, []).append(task)
        print(f"{len(self.tasks)} task" + ("" if len(self.tasks) == 1 else "s"))
        # Not recursive: chains of tasks may be long.
        left = [(task, "", "") for task in reversed(children.get(0, []))]
        while left:
            task, branch, below = left.pop()
            print(branch + self.line(task))
            mine = children.get(task.id, [])
            self.stack(task, below + ("|  at " if mine else "   at "))
            for child in reversed(mine):
                last = child is mine[-1]
                left.append((child, below + ("'- " if last else "|- "), below + ("   " if last else "|  ")))

    def deadlocks(self):
        """Each circle once. A task waits for one holder, or for tasks."""
        found, left = [], set()
        for start in self.by_id:
            path, on_path = [(start, iter(self.targets(start)))], {start}
            if start in left:
                continue
            while path:
                task, targets = path[-1]
                target = next(targets, None)
                if target is None:
                    path.pop()
                    on_path.discard(task)
                    left.add(task)
                elif target in on_path:
                    ids = [id for id, _ in path]
                    found.append(ids[ids.index(target):] + [target])
                elif target not in left:
                    path.append((target, iter(self.targets(target))))
                    on_path.add(target)
        return found

    def targets(self, id):
        task = self.by_id.get(id)
        if task is None:
            return []
        return ([task.locked_by] if task.locked_by else []) + task.waits_for

    def show_deadlock(self, cycle):
        line = self.reference(cycle[0])
        for waiter, target in zip(cycle, cycle[1:]):
            task = self.by_id[waiter]
            by_lock = task.locked_by == target
            line += " -> " + (f"{WAITS[task.kind][2:]} {self.object(task.object, task.object_name)} held by " if by_lock else "")
            line += self.reference(target)
        print("deadlock: " + line)
        for id in cycle[:-1]:
            if self.by_id[id].stack:
                function, file, number = self.by_id[id].stack[0]
                print(f"   {self.reference(id)} waits at {printable(function)}() {printable(file)}:{number}")


class Coterie(gdb.Command):
    """Tasks of a program of Coterie: coterie tasks | task N | tree | deadlocks."""

    def __init__(self):
        super().__init__("coterie", gdb.COMMAND_STACK, prefix=True)


def command(name):
    """A gdb command that does `show` for each loop."""
    def register(show):
        def invoke(self, argument, from_tty):
            try:
                show(Loop.all(), argument.strip())
            except Unreadable as error:
                raise gdb.GdbError(str(error))
        body = {"__doc__": show.__doc__, "invoke": invoke,
                "__init__": lambda self: gdb.Command.__init__(self, f"coterie {name}", gdb.COMMAND_STACK)}
        type(name, (gdb.Command,), body)()
        return show
    return register


Coterie()


@command("tasks")
def tasks(loops, argument):
    """A line for each task."""
    for loop in loops:
        print(loop.headline())
        for task in loop.tasks:
            print(loop.line(task))


@command("tree")
def tree(loops, argument):
    """Each task under the one that spawned it, with its stack."""
    for loop in loops:
        print(loop.headline())
        loop.tree()


@command("task")
def task(loops, argument):
    """One task, with its stack: coterie task N."""
    if not re.fullmatch(r"#?\d+", argument):
        raise gdb.GdbError("give the id of a task, as `coterie tasks` shows it: coterie task 17")
    for loop in loops:
        found = loop.by_id.get(int(argument.lstrip("#")))
        if found is not None:
            print(loop.line(found))
            loop.stack(found, "   at ")
            return
    raise gdb.GdbError(f"there is no task {argument}")


@command("deadlocks")
def deadlocks(loops, argument):
    """Tasks that wait for each other, and can never go on."""
    count = 0
    for loop in loops:
        for cycle in loop.deadlocks():
            loop.show_deadlock(cycle)
            count += 1
    if count == 0:
        print("no deadlock")
