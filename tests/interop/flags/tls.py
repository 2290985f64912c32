"""Who is trusted, who we are, and which TLS is spoken."""

from flags.table import Table, pattern

TABLE = Table()
case = TABLE.case

# Whom TLS trusts

TLS = "listen -n 1 {nginx.main}/header/x-tls"

case("nginx", "--cacert: the server's authority", TLS + " --cacert {tls.ca}", "TLSv1.3\n")
case(
    "nginx",
    "--cacert: another authority",
    TLS + " --cacert {tls.proxy_ca}",
    code=60,
    says=("issuer is not known", "CN=server", "--cacert"),
)
case("nginx", "--cacert: none given", TLS, code=60, says=("issuer is not known", "--cacert", "-k"))
case("nginx", "--cacert: no such file", TLS + " --cacert {tmp}/none.pem", code=77, says=("none.pem",))
case("nginx", "--cacert: an empty file", TLS + " --cacert {tls.empty}", code=77, says=("empty.pem",))
case("nginx", "--cacert: a key in place of a certificate", TLS + " --cacert {tls.server_key}", code=77, says=("server.key",))
case("nginx", "--capath: a folder as OpenSSL makes it", TLS + " --capath {tls.folder}", "TLSv1.3\n")
case("nginx", "--capath: an empty folder", TLS + " --capath {tls.nothing}", code=77, says=("nothing",))
case("nginx", "SSL_CERT_FILE", TLS, "TLSv1.3\n", environment={"SSL_CERT_FILE": "{tls.ca}"})
case("nginx", "SSL_CERT_DIR", TLS, "TLSv1.3\n", environment={"SSL_CERT_DIR": "{tls.folder}"})
case("nginx", "CURL_CA_BUNDLE", TLS, "TLSv1.3\n", environment={"CURL_CA_BUNDLE": "{tls.ca}"})
case(
    "nginx",
    "CURL_CA_BUNDLE: before SSL_CERT_FILE",
    TLS,
    "TLSv1.3\n",
    environment={"CURL_CA_BUNDLE": "{tls.ca}", "SSL_CERT_FILE": "{tls.proxy_ca}"},
)
case("nginx", "--cacert: before CURL_CA_BUNDLE", TLS + " {trust}", "TLSv1.3\n", environment={"CURL_CA_BUNDLE": "{tls.proxy_ca}"})

for name, why in [("expired", "it has expired"), ("other_host", "it is not for 127.0.0.1"), ("self_signed", "it is self-signed")]:
    url = f"{{nginx.{name}}}/header/x-port"
    case("nginx", f"--cacert: the certificate, {why}", f"listen -n 1 {{trust}} {url}", code=60, says=(why,))
    case("nginx", f"-k: the certificate, {why}", f"listen -n 1 -k {url}", f"{{nginx.{name}.port}}\n")
case(
    "nginx",
    "--cacert: a self-signed certificate itself",
    "listen -n 1 --cacert {tls.self_signed} {nginx.self_signed}/header/x-tls",
    "TLSv1.3\n",
)

case("nginx", "--pinnedpubkey: a hash", TLS + " {trust} --pinnedpubkey {tls.pin}", "TLSv1.3\n")
case("nginx", "--pinnedpubkey: a file", TLS + " {trust} --pinnedpubkey {tls.public_key}", "TLSv1.3\n")
case("nginx", "--pinnedpubkey: with -k", TLS + " -k --pinnedpubkey {tls.pin}", "TLSv1.3\n")
OTHER_KEY = "listen -k {nginx.self_signed}/"
case("nginx", "--pinnedpubkey: a hash, another server's", OTHER_KEY + " --pinnedpubkey {tls.pin}", code=90, says=("sha256//",))
case(
    "nginx",
    "--pinnedpubkey: a file, another server's",
    OTHER_KEY + " --pinnedpubkey {tls.public_key}",
    code=90,
    says=("sha256//",),
)
case(
    "nginx",
    "--pinnedpubkey: no certificate has it",
    TLS + f" {{trust}} --pinnedpubkey sha256//{'A' * 43}=",
    code=90,
    says=("{tls.pin}",),
)


# Which TLS is spoken

case("nginx", "--tlsv1.2: a server with 1.2 only", "listen -n 1 {trust} --tlsv1.2 {nginx.tls12}/header/x-tls", "TLSv1.2\n")
case("nginx", "--tlsv1.2: 1.3 is allowed too", TLS + " {trust} --tlsv1.2", "TLSv1.3\n")
case("nginx", "--tlsv1.3: a server with 1.3 only", "listen -n 1 {trust} --tlsv1.3 {nginx.tls13}/header/x-tls", "TLSv1.3\n")
case("nginx", "--tlsv1.3: a server with 1.2 only", "listen {trust} --tlsv1.3 {nginx.tls12}/", code=35, says=("--tlsv1.3",))
case("nginx", "--tls-max: 1.2", TLS + " {trust} --tls-max 1.2", "TLSv1.2\n")
case(
    "nginx", "--tls-max: 1.2, a server with 1.3 only", "listen {trust} --tls-max 1.2 {nginx.tls13}/", code=35, says=("--tls-max",)
)
case("nginx", "wss: a server without TLS", "listen {trust} wss://{nginx.plain.address}/", code=35, says=("not TLS", "ws://"))
case(
    "node-http2",
    "wss: a server with HTTP/2 only, and no http2 flag",
    "listen {trust} {node_http2.tls}/",
    code=35,
    says=("--http2",),
)
case("nginx", "ws: a server with TLS", "listen ws://{nginx.main.address}/", code=22, says=("400", "HTTPS port"), hint=False)
case(
    "nginx",
    "--tls-server-name",
    "listen -n 1 {trust} --tls-server-name named.test {nginx.names}/header/x-server-name",
    "named.test\n",
)
case(
    "nginx",
    "--tls-server-name: a name without a certificate",
    "listen {trust} --tls-server-name elsewhere.test {nginx.names}/",
    code=60,
    says=("elsewhere.test",),
)
case(
    "nginx",
    "SSLKEYLOGFILE",
    TLS + " {trust}",
    "TLSv1.3\n",
    environment={"SSLKEYLOGFILE": "{tmp}/keys"},
    wrote={"keys": pattern(r"(?=.*CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64,96}\n).*")},
)


# Who we are

WHO = "listen -n 1 {trust} {nginx.main}/client/header/x-client"

case("nginx", "-E, --key", WHO + " -E {tls.client} --key {tls.client_key}", "CN=wspipe\n")
case("nginx", "--cert: the key in the same file", WHO + " --cert {tls.client_with_key}", "CN=wspipe\n")
case("nginx", "-E, --key: RSA", WHO + " -E {tls.rsa} --key {tls.rsa_key}", "CN=wspipe-rsa\n")
case("nginx", "-E: not given, 403", WHO, code=22, says=("403", "show a certificate"), hint=False)
case(
    "nginx",
    "-E: where it must be",
    "listen -n 1 {trust} -E {tls.client_with_key} {nginx.client_only}/header/x-client",
    "CN=wspipe\n",
)
case(
    "nginx",
    "-E: not given where it must be",
    "listen {trust} {nginx.client_only}/",
    code=22,
    says=("400", "No required SSL certificate"),
    hint=False,
)
case(
    "HAProxy",
    "-E, --key",
    "listen -n 1 {trust} -E {tls.client} --key {tls.client_key} {haproxy.client_only}/header/x-client",
    "wspipe\n",
)
case("HAProxy", "-E: not given", "listen {trust} {haproxy.client_only}/", code=35, says=("certificate required", "--cert"))
case(
    "HAProxy",
    "-E: from another authority",
    "listen {trust} -E {tls.proxy_with_key} {haproxy.client_only}/",
    code=35,
    says=("unknown ca", "--cert"),
)
case(
    "nginx",
    "--key: with a password",
    WHO + " -E {tls.client} --key {tls.encrypted_key}",
    code=58,
    says=("password", "openssl pkey"),
)
case(
    "nginx",
    "--key: with a password, in the old form",
    WHO + " -E {tls.rsa} --key {tls.old_encrypted_key}",
    code=58,
    says=("password", "openssl pkey"),
)
case("nginx", "-E: PKCS#12", WHO + " -E {tls.p12}", code=58, says=("PKCS#12", "openssl pkcs12"))
case("nginx", "--key: another's", WHO + " -E {tls.client} --key {tls.server_key}", code=58, says=("client.pem", "--key"))
case("nginx", "--cert: without its key", WHO + " --cert {tls.client}", code=58, says=("no private key",))
case("nginx", "--cert: no such file", WHO + " --cert {tmp}/none.pem", code=58, says=("none.pem",), hint=False)
