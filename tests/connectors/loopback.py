"""A small HTTP server at a loopback address, for the services that are neither of the embedded trackers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Answer = Callable[[str, str, Mapping[str, str], bytes], tuple[int, bytes]]
"""From a method, a path with its query, headers by their names in lower case, and a body: the status and the body."""


@contextmanager
def served(answer: Answer, kind: str = "application/octet-stream") -> Iterator[str]:
    """Its address, without a path, for as long as it is needed; `kind` is the type of what it answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length") or 0))
            status, said = answer(self.command, self.path, headers, body)
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.send_header("content-type", kind)
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
