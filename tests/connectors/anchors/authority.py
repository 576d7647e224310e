"""A time-stamp authority on this machine: certificates of its own, the openssl program, and a loopback server."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.connectors import loopback

_CONFIG = """
[tsa]
default_tsa = own
[own]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """Answers requests in a folder; its certificate is valid from a day before `now` on, for so many `days`."""

    def __init__(self, folder: Path, *, now: datetime | None = None, days: int = 30, stamps: bool = True) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("the openssl program is not installed, so there is no time-stamp authority to talk to")
        folder.mkdir()
        self.folder, self.root = folder, folder / "root.pem"
        self.asked: list[bytes] = []
        self.instead: bytes | None = None
        began = (now or datetime.now(UTC)) - timedelta(days=1)
        (folder / "tsa.cnf").write_text(_CONFIG, encoding="utf-8")
        (folder / "serial").write_text("01\n", encoding="utf-8")
        root_key, own_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _certificate("Root", root_key, None, root_key, began, 3650).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        usage = ExtendedKeyUsageOID.TIME_STAMPING if stamps else ExtendedKeyUsageOID.SERVER_AUTH
        own = _certificate("Authority", own_key, "Root", root_key, began, days).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=True
        )
        self.root.write_bytes(root.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        (folder / "own.pem").write_bytes(own.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        private = own_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "own.key").write_bytes(private)

    def answer(self, query: bytes) -> bytes:
        self.asked.append(query)
        if self.instead is not None:
            return self.instead
        (self.folder / "query").write_bytes(query)
        words = "openssl ts -reply -config tsa.cnf -queryfile query -signer own.pem -inkey own.key -out reply"
        subprocess.run(words.split(), cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "reply").read_bytes()

    @contextmanager
    def served(self, status: int = 200) -> Iterator[str]:
        """Its address."""
        with loopback.served(lambda verb, target, headers, query: (status, self.answer(query))) as url:
            yield f"{url}/tsa"


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str | None,
    signer: ec.EllipticCurvePrivateKey,
    began: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer or name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Acme {name}")])
