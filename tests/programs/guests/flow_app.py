"""The world `flow` of `flow.wit`, for componentize-py."""

import wit_world
from componentize_py_async_support import spawn
from wit_world import exports
from wit_world.imports import pauses


async def upper_all(text, writer):
    with text, writer:
        while not text.writer_dropped:
            await writer.write_all((await text.read(1024)).upper())


async def write_later(writer, x):
    await pauses.pause(10)
    with writer:
        await writer.write(x + 1)


class Flows(exports.Flows):
    async def slowly(self, name):
        slept = await pauses.pause(20)
        return f"{name} after {slept} ms"

    async def upper(self, text):
        writer, reader = wit_world.byte_stream()
        spawn(upper_all(text, writer))
        return reader

    async def count(self, data):
        total = 0
        with data:
            while not data.writer_dropped:
                total += len(await data.read(4096))
        return total

    async def later(self, x):
        writer, reader = wit_world.u32_future(lambda: 0)
        spawn(write_later(writer, x))
        return reader
