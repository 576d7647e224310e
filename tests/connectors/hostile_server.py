"""A server on loopback that does anything but what it should, over plain HTTP or with a certificate of any kind."""

import ipaddress
import json
import re
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Behaviour = Callable[[socket.socket, bytes], None]
MEGABYTE = b" " * 1024 * 1024
_TLS_HANDSHAKE = b"\x16"


def page(connection: socket.socket, _: bytes) -> None:
    """A page to sign in at, as if all were well."""
    body = b"<!doctype html><html><body><form action=/login>Please sign in</form></body></html>"
    _send(connection, b"200 OK", body, b"content-type: text/html")


def portal(connection: socket.socket, _: bytes) -> None:
    """The sign-in page of a network, somewhere else."""
    _send(connection, b"302 Found", b"", b"location: http://portal.example/login?back=here")


def announced(connection: socket.socket, _: bytes) -> None:
    """Half a gigabyte, announced and then sent."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 524288000\r\n\r\n")
    for _number in range(500):
        connection.sendall(MEGABYTE)


def endless(connection: socket.socket, _: bytes) -> None:
    """A body that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"100000\r\n" + MEGABYTE + b"\r\n")


def bomb(connection: socket.socket, _: bytes) -> None:
    """A hundred megabytes, packed into a tenth of one."""
    _send(connection, b"200 OK", _packed(), b"content-type: application/json\r\ncontent-encoding: gzip")


@cache
def _packed() -> bytes:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(MEGABYTE) for _ in range(100)) + packer.flush()


def trickle(stop: threading.Event) -> Behaviour:
    """A byte every so often, for ever."""

    def behave(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        while not stop.wait(0.05):
            connection.sendall(b"1\r\n \r\n")

    return behave


def deep(connection: socket.socket, _: bytes) -> None:
    """JSON with more levels than anybody can read."""
    _send(connection, b"200 OK", b"[" * 200_000, b"content-type: application/json")


def other(connection: socket.socket, _: bytes) -> None:
    """JSON of somebody else."""
    body = json.dumps({"status": "ok", "issues": "none", "id": None}).encode()
    _send(connection, b"200 OK", body, b"content-type: application/json")


def no_http(connection: socket.socket, _: bytes) -> None:
    """Another protocol altogether."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def _send(connection: socket.socket, status: bytes, body: bytes, headers: bytes) -> None:
    head = (
        b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: %d\r\n" % len(body) + headers + b"\r\n\r\n"
    )
    connection.sendall(head + body)


@contextmanager
def serving(behave: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on loopback; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, behave, context), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listening: socket.socket, behave: Behaviour, context: ssl.SSLContext | None) -> None:
    threads: list[threading.Thread] = []
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            break
        threads.append(threading.Thread(target=_talk, args=(connection, behave, context), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _talk(plain: socket.socket, behave: Behaviour, context: ssl.SSLContext | None) -> None:
    with suppress(OSError), plain:
        connection = context.wrap_socket(plain, server_side=True) if context else plain
        with connection:
            behave(connection, _request(connection))


def _request(connection: socket.socket) -> bytes:
    """A whole request, or the greeting of one who wants encryption: who reads less resets the line when hanging up."""
    told = b""
    while b"\r\n\r\n" not in told and not told.startswith(_TLS_HANDSHAKE):
        told += _some(connection)
    length = re.search(rb"content-length: *(\d+)", told, re.IGNORECASE)
    while length and len(told.partition(b"\r\n\r\n")[2]) < int(length[1]):
        told += _some(connection)
    return told


def _some(connection: socket.socket) -> bytes:
    some = connection.recv(65536)
    if not some:
        raise OSError("the line was cut")
    return some


def certificate(folder: Path, *, host: str = "127.0.0.1", days: int = 1) -> tuple[ssl.SSLContext, Path]:
    """What a server needs to call itself `host` until so many days from now, and the file that makes it trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    alternative: x509.GeneralName = x509.DNSName(host)
    with suppress(ValueError):
        alternative = x509.IPAddress(ipaddress.ip_address(host))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file
