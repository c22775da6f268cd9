"""A TCP proxy whose connections can be cut, delayed, or left open and silent. Runs in a thread of its own."""
import asyncio, threading


class Proxy:
    def __init__(self, port, upstream):
        self.port, self.upstream = port, upstream
        self.mode, self.delay, self.connections = "pass", 0.0, set()
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), daemon=True).start()
        started.wait()

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        self.flows = asyncio.Event()
        self.flows.set()
        self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        started.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        if self.mode == "cut":
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.transport.abort()
            return
        self.connections |= {writer, up_writer}
        await asyncio.gather(self._copy(reader, up_writer), self._copy(up_reader, writer))
        self.connections -= {writer, up_writer}
        writer.close()
        up_writer.close()

    async def _copy(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.flows.wait()
                if self.mode == "delay":
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            writer.transport.abort()

    def set(self, mode, delay=0.0):
        """pass; cut: every connection is reset and new ones are refused; delay: each piece waits; stall: connections stay,
        and nothing comes through, until it passes again."""

        def change():
            self.mode, self.delay = mode, delay
            self.flows.clear() if mode == "stall" else self.flows.set()
            if mode == "cut":
                for writer in list(self.connections):
                    writer.transport.abort()

        self.loop.call_soon_threadsafe(change)
