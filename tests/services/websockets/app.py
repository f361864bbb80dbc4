import asyncio

import websockets


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def main():
    async with websockets.serve(echo, "0.0.0.0", 8765):
        await asyncio.Future()


asyncio.run(main())
