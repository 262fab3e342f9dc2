"""A site and a portal check on port 80: `python -m lab.netns.answering SITE CHECK HOW`.

HOW is `204` (the check is answered as it should, the site with a page),
`login` (the site closes, the check is answered with a page), or
`held` (as `204`, but the site says `asked` and answers once it is told to, by a line on standard input).
"""

import asyncio
import sys

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
EMPTY = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
ANSWERS = {"204": (PAGE, EMPTY), "login": (b"", PAGE), "held": (PAGE, EMPTY)}


async def serve(site: str, check: str, how: str) -> None:
    for address, answer in zip((site, check), ANSWERS[how], strict=True):

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes = answer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if how == "held" and answer == PAGE:
                print("asked", flush=True)
                await asyncio.to_thread(sys.stdin.readline)
            writer.write(answer)
            writer.close()

        await asyncio.start_server(talk, address, 80)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], sys.argv[3]))
