"""What the stand-ins share: a server on this machine, a site, and what the script is told of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self

KEY = "pepy-standin-key-0123456789abcdef"
PUBLISHED = "https://badges.example.com/stats"  # where the page's site says it is
SHUT = "http://127.0.0.1:9"  # where nothing listens
SCRIPT = Path(__file__).parent.parent / "script.py"
# What docs/ holds from the start: the page's own files.
PAGE = [p for p in SCRIPT.parent.glob("docs/*") if p.suffix in (".css", ".html", ".js", ".svg")]
# Downloads a day of projects of a certain size; all others get a size from their name.
POPULAR = {"boto3": 52_000_000, "requests": 48_000_000, "pydantic": 33_000_000}


class Server(ThreadingHTTPServer):
    """Serves for a stand-in, and keeps what goes wrong in its handlers until the end."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def start(self, owner: Any) -> str:
        """Serve for a stand-in, until `stop`; the address."""
        self.owner = owner
        self.ended = threading.Event()
        self.mistakes: list[BaseException] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self, under_way: BaseException | None) -> None:
        """End, and raise the first mistake, or note it on an exception that is under way."""
        self.ended.set()
        self.shutdown()
        self.server_close()
        if not self.mistakes:
            return
        mistake = self.mistakes[0]
        if under_way is None:
            raise mistake
        under_way.add_note("In a handler, before:\n" + "".join(traceback.format_exception(mistake)))

    def handle_error(self, *_: object) -> None:
        """Remember what ended a request; a client that went away is no mistake."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.mistakes.append(error)


class Quiet(BaseHTTPRequestHandler):
    """What the stand-ins' handlers have in common."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: object) -> None: ...  # tests print enough

    def reply(self, status: int, answer: Any, told: Mapping[str, str] = {}) -> None:
        """Answer with JSON, or with bytes as they are, and with more headers."""
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        head = {"Content-Length": len(body), "Content-Type": "application/json", **told}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.wfile.write(f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode() + body)


class Served:
    """A stand-in: within `with`, its handler serves on `url`.

    What a handler raises is raised at the end of the block: to the client it looks like a service
    that is down, and a test may want just that.
    """

    handler: ClassVar[type[Quiet]]
    path: ClassVar = ""  # below the address, and a query

    def __enter__(self) -> Self:
        self.server = Server(("127.0.0.1", 0), self.handler)
        self.url = self.server.start(self) + self.path
        return self

    def __exit__(self, _kind: object, under_way: BaseException | None, _trace: object) -> None:
        self.server.stop(under_way)


class Files(Quiet, SimpleHTTPRequestHandler):
    def send_error(self, code: int, *_: Any) -> None:
        """As GitHub Pages does it: 404.html, wherever the address is."""
        body = b"" if self.command == "HEAD" else Path(self.directory, "404.html").read_bytes()
        self.reply(code, body, {"Content-Type": "text/html; charset=utf-8"})


@dataclass
class Site:
    """A docs/ folder, served at `address` within `with`; the page's own files are put there.

    As of any stand-in, what its handler raises is raised at the end of the block.
    """

    docs: Path
    handler: type[Files] = Files
    address: str = ""

    def read(self, published: str) -> bytes:
        """A published file, by the address that the site gives it."""
        if not published.startswith(f"{PUBLISHED}/"):
            raise ValueError(f"not of this site: {published}")
        return (self.docs / published.removeprefix(f"{PUBLISHED}/")).read_bytes()

    def __enter__(self) -> Self:
        for path in PAGE:
            shutil.copy(path, self.docs)
        self.server = Server(("127.0.0.1", 0), partial(self.handler, directory=str(self.docs)))
        self.address = self.server.start(self)
        return self

    def __exit__(self, _kind: object, under_way: BaseException | None, _trace: object) -> None:
        self.server.stop(under_way)


def environment(pepy: Served | None, key: str = KEY) -> dict[str, str]:
    """The environment in which script.py talks to PePy's stand-in, and to nobody else."""
    ours = {"PEPY_API_URL": pepy.url if pepy else SHUT, "PEPY_API_KEY": key}
    ours |= {"PYPISTATS_API_URL": SHUT, "CLICKHOUSE_URL": SHUT, "NO_PROXY": "127.0.0.1"}
    foreign = {"GITHUB_STEP_SUMMARY", "GITHUB_REPOSITORY", "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in foreign} | ours
