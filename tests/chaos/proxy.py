"""A TCP proxy in front of a Unix socket that cuts connections at any byte and swallows replies."""
import asyncio


class Link:
    """One connection through the proxy. `cut_up` and `cut_down`: after so many more bytes it is cut; `drop`: the next
    reply to a script is swallowed, and the connection cut."""

    def __init__(self):
        self.cut_up = self.cut_down = None
        self.drop = self.subscribed = self.waits = False


class Proxy:
    def __init__(self, socket_path, count):
        """`count(what)` is told of each `lost_replies` and `cuts`."""
        self.socket_path, self.count, self.links, self.port = socket_path, count, set(), None

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def accept(self, reader, writer):
        link = Link()
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self.socket_path)
        except OSError:
            writer.close()
            return
        self.links.add(link)
        pumps = [asyncio.ensure_future(self.pump(link, self.up, reader, up_writer)),
                 asyncio.ensure_future(self.pump(link, self.down, up_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the run is over
        self.links.discard(link)
        for pump in pumps:
            pump.cancel()
        for end in (writer, up_writer):
            end.transport.abort()  # a reset, as a broken network makes it

    async def pump(self, link, way, reader, writer):
        try:
            while data := await reader.read(65536):
                data, goes_on = way(link, data)
                writer.write(data)
                if not goes_on:
                    await asyncio.wait_for(writer.drain(), 1)
                    await asyncio.sleep(0.005)  # what was written is seen before the reset
                    return
                await writer.drain()
        except (OSError, asyncio.TimeoutError):
            pass

    def up(self, link, data):
        if b"SUBSCRIBE" in data:  # each greeting tries whether it may, and takes it back
            link.subscribed = b"UNSUBSCRIBE" not in data
        link.waits |= b"EVALSHA" in data
        return self.until_cut(link, "cut_up", data)

    def down(self, link, data):
        if link.drop and link.waits and not data.startswith(b"-"):
            self.count("lost_replies")
            return b"", False
        link.waits = False
        return self.until_cut(link, "cut_down", data)

    def until_cut(self, link, which, data):
        left = getattr(link, which)
        if left is None:
            return data, True
        if left <= len(data):
            self.count("cuts")
            return data[:left], False
        setattr(link, which, left - len(data))
        return data, True

    # --- what the schedule asks for ----------------------------------------------------------------------------------

    def cut(self, random):
        if self.links:
            link = random.choice(list(self.links))
            setattr(link, random.choice(["cut_up", "cut_down"]), random.randrange(1, 3000))

    def drop(self, random):
        """On several connections, for some may not ask for anything soon; those that listen never do."""
        asking = [link for link in self.links if not link.subscribed]
        for link in random.sample(asking, min(3, len(asking))):
            link.drop = True

    def heal(self):
        for link in self.links:
            link.cut_up = link.cut_down = None
            link.drop = False
