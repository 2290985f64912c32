"""What is kept in files for a server: passwords in netrc, and cookies in those of Netscape's format.

The cookies are those of a name, since a loopback address counts as safe for cookies that are for TLS only, as in curl.
"""

from flags.table import Table, pattern

TABLE = Table()
case = TABLE.case

# netrc

USER = "listen -n 1 {trust} {nginx.main}/user/header/x-user"
ALICE = "login alice password wonderland\n"
NETRC = f"machine elsewhere.test login bob password b\nmachine 127.0.0.1 {ALICE}"
FILE = "--netrc-file {tmp}/mine"

case("nginx", "--netrc: in HOME", f"{USER} --netrc", "alice\n", files={".netrc": NETRC})
case(
    "nginx", "--netrc: where NETRC says", f"{USER} --netrc", "alice\n", files={"mine": NETRC}, environment={"NETRC": "{tmp}/mine"}
)
case("nginx", "--netrc: not asked for", USER, code=22, says=("401",), files={".netrc": NETRC})
case(
    "nginx",
    "--netrc: -u comes first",
    f"{USER} --netrc -u alice:wonderland",
    "alice\n",
    files={".netrc": "machine 127.0.0.1 login bob password b\n"},
)
case("nginx", "--netrc-file", f"{USER} {FILE}", "alice\n", files={"mine": NETRC})
case("nginx", "--netrc-file: the default entry", f"{USER} {FILE}", "alice\n", files={"mine": f"default {ALICE}"})
case(
    "nginx",
    "--netrc-file: another host's entry",
    f"{USER} {FILE}",
    code=22,
    says=("401",),
    files={"mine": f"machine elsewhere.test {ALICE}"},
)
case(
    "nginx",
    "--netrc-file: dropped in a redirect to another host",
    f"listen -L -n 1 {{trust}} {{nginx.main}}/secret/host/header/authorization {FILE}",
    "(none)\n",
    files={"mine": NETRC},
)

# Cookies

RESOLVE = "--resolve a.ws.test:{nginx.main.port}:127.0.0.1 --resolve a.ws.test:{nginx.plain.port}:127.0.0.1"
TLS = f"listen -n 1 {{trust}} {RESOLVE} wss://a.ws.test:{{nginx.main.port}}"
PLAIN = f"listen -n 1 {RESOLVE} ws://a.ws.test:{{nginx.plain.port}}"


def cookies(*rows):
    """A file of cookies: host, whether it is a domain, path, whether for TLS only, when it ends, name, value."""
    return "# Netscape HTTP Cookie File\n" + "".join("\t".join(row.split()) + "\n" for row in rows)


def cookie_file(flag, arguments, stdout, *rows):
    case("nginx", f"-b: {flag}", f"{arguments}/header/cookie -b {{tmp}}/cookies", stdout, files={"cookies": cookies(*rows)})


SENT = "a.ws.test FALSE / FALSE 0 sent 1"

case("nginx", "-b: cookies", f"{TLS}/header/cookie -b 'a=1; b=2'", "a=1; b=2\n")
cookie_file("a file of cookies", TLS, "sent=1\n", SENT)
cookie_file(
    "another host's cookies stay",
    TLS,
    "sent=1\n",
    SENT,
    "elsewhere.test FALSE / FALSE 0 host 1",
    "ws.test FALSE / FALSE 0 above 1",
)
cookie_file("another path's cookies stay", TLS, "sent=1\n", SENT, "a.ws.test FALSE /elsewhere FALSE 0 path 1")
cookie_file("cookies that have ended stay", TLS, "sent=1\n", SENT, "a.ws.test FALSE / FALSE 1000000000 ended 1")
cookie_file("cookies of a domain", TLS, "domain=1\n", ".ws.test TRUE / FALSE 0 domain 1")
cookie_file("cookies that scripts must not see", TLS, "http=1\n", "#HttpOnly_a.ws.test FALSE / FALSE 0 http 1")
cookie_file("cookies for TLS", TLS, "secure=1\n", "a.ws.test FALSE / TRUE 0 secure 1")
cookie_file("cookies for TLS stay without it", PLAIN, "sent=1\n", SENT, "a.ws.test FALSE / TRUE 0 secure 1")

JAR = pattern(
    r"(?=# (Netscape )?HTTP Cookie File\n)"
    r"(?=.*\n#HttpOnly_a\.ws\.test\tFALSE\t/\tTRUE\t0\tsession\tabc\n)"
    r"(?=.*\na\.ws\.test\tFALSE\t/\tFALSE\t[1-9]\d{9}\ttheme\tdark\n).*"
)
case(
    "nginx",
    "-c: cookies of the answer, which -b sends",
    f"{TLS}/login/header/cookie -c {{tmp}}/jar",
    "(none)\n",
    wrote={"jar": JAR},
    then=(f"{TLS}/header/cookie -b {{tmp}}/jar", "session=abc; theme=dark\n"),
)
case(
    "nginx",
    "-c: cookies of a refusal",
    f"{TLS}/login/refuse -c {{tmp}}/jar",
    code=22,
    says=("401",),
    wrote={"jar": JAR},
)
case(
    "nginx",
    "-c: cookies of a redirect are sent",
    TLS.replace("listen", "listen -L", 1) + "/login-redirect/header/cookie -c {tmp}/jar",
    "session=abc\n",
)
case(
    "nginx",
    "-c: cookies of a file stay, those for TLS too",
    f"{TLS}/login/header/cookie -b {{tmp}}/cookies -c {{tmp}}/jar",
    "sent=1\n",
    files={"cookies": cookies(SENT)},
    then=(f"{PLAIN}/header/cookie -b {{tmp}}/jar", "sent=1; theme=dark\n"),
)
