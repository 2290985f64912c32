"""The authorities, certificates and keys of the real parts, made by OpenSSL's own program."""

import base64
import hashlib
import subprocess
from pathlib import Path
from types import SimpleNamespace

from fill import fill
from processes import DEADLINE, HERE

NAMES = "DNS:localhost,DNS:ws.test,DNS:*.ws.test,IP:127.0.0.1,IP:::1"
PASSWORD = "pass:secret"


def openssl(*arguments):
    ran = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE)
    if ran.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {ran.stderr.decode(errors='replace')}")
    return ran.stdout


class Workshop:
    """A folder in which certificates are made; each is NAME.pem, with its key in NAME.key."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.config = fill(HERE / "parts" / "openssl.cnf", folder / "openssl.cnf", folder=folder)
        (folder / "index.txt").touch()

    def path(self, name):
        return self.folder / name

    def _request(self, name, subject, *extensions, key=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), signed=()):
        out = self.path(f"{name}.pem" if signed else f"{name}.csr")
        added = [word for extension in extensions for word in ("-addext", extension)]
        keys = ["-config", self.config, *key, "-noenc", "-keyout", self.path(f"{name}.key")]
        openssl("req", *signed, *keys, "-subj", f"/CN={subject}", *added, "-out", out)
        return out

    def self_signed(self, name, subject, *extensions):
        return self._request(name, subject, *extensions, signed=("-x509", "-days", "30"))

    def authority(self, name, subject):
        return self.self_signed(name, subject, "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")

    def signed(self, authority, name, subject, *extensions, dates=(), **options):
        request = self._request(name, subject, "basicConstraints=critical,CA:FALSE", *extensions, **options)
        signer = ["-cert", self.path(f"{authority}.pem"), "-keyfile", self.path(f"{authority}.key")]
        out = self.path(f"{name}.pem")
        # `ca` and not `x509`, which has no dates in the past.
        openssl("ca", "-config", self.config, "-batch", "-notext", *signer, *dates, "-in", request, "-out", out)
        return out

    def joined(self, name):
        """Certificate and key in one file, as HAProxy takes them, and as --cert may have them."""
        both = self.path(f"{name}-with-key.pem")
        both.write_bytes(self.path(f"{name}.pem").read_bytes() + self.path(f"{name}.key").read_bytes())
        return both

    def server(self, name, subject, names=NAMES, authority="ca", **options):
        return self.signed(authority, name, subject, f"subjectAltName={names}", "extendedKeyUsage=serverAuth", **options)

    def client(self, name, subject, **options):
        return self.signed("ca", name, subject, "extendedKeyUsage=clientAuth", **options)


def make(folder):
    """All files, by the names that the cases have for them."""
    shop = Workshop(folder)
    files = SimpleNamespace(
        ca=shop.authority("ca", "interop authority"),
        # The proxy's is another, so that trusting one cannot be taken for trusting both.
        proxy_ca=shop.authority("proxy-ca", "interop proxy authority"),
        server=shop.server("server", "server"),
        named=shop.server("named", "named", "DNS:named.test"),
        expired=shop.server("expired", "expired", dates=("-startdate", "20200101000000Z", "-enddate", "20200201000000Z")),
        other_host=shop.server("other-host", "other host", "DNS:elsewhere.test"),
        self_signed=shop.self_signed(
            "self-signed", "self-signed", "basicConstraints=critical,CA:FALSE", f"subjectAltName={NAMES}"
        ),
        proxy=shop.server("proxy", "proxy", authority="proxy-ca"),
        client=shop.client("client", "wspipe"),
        rsa=shop.client("rsa", "wspipe-rsa", key=("-newkey", "rsa:2048")),
        folder=shop.path("capath"),
        empty=shop.path("empty.pem"),
        nothing=shop.path("nothing"),
    )
    files.client_key, files.rsa_key, files.server_key = map(shop.path, ("client.key", "rsa.key", "server.key"))
    for name in ("client", "server", "proxy"):
        setattr(files, f"{name}_with_key", shop.joined(name))
    other_forms(shop, files)
    fill_folder(files)
    files.empty.touch()
    files.nothing.mkdir()
    return files


def other_forms(shop, files):
    """Forms in which people have a key: with a password (new and old), in PKCS#12, public only, as a pin."""
    files.encrypted_key, files.old_encrypted_key = map(shop.path, ("encrypted.key", "old-encrypted.key"))
    openssl("pkcs8", "-topk8", "-in", files.client_key, "-passout", PASSWORD, "-out", files.encrypted_key)
    openssl("rsa", "-aes256", "-traditional", "-in", files.rsa_key, "-passout", PASSWORD, "-out", files.old_encrypted_key)
    files.p12 = shop.path("client.p12")
    openssl("pkcs12", "-export", "-in", files.client, "-inkey", files.client_key, "-passout", PASSWORD, "-out", files.p12)
    files.public_key = shop.path("server.pub")
    files.public_key.write_bytes(openssl("x509", "-in", files.server, "-noout", "-pubkey"))
    der = openssl("pkey", "-pubin", "-in", files.public_key, "-outform", "DER")
    files.pin = "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def fill_folder(files):
    """A folder of authorities as OpenSSL has them, under the hashes of their names."""
    files.folder.mkdir()
    (files.folder / "ca.pem").write_bytes(Path(files.ca).read_bytes())
    openssl("rehash", files.folder)
