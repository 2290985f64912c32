"""The table of cases: each flag about the way to a server, against a real part that shows whether it did what it says.

What a case prints is what the far end saw: /header/NAME/NAME answers with the request's headers of these names, /peer
with the address that the connection came from, a text for each. nginx adds x-tls, x-server-name, x-client, x-user,
x-port and x-address, HAProxy x-http, x-alpn, x-client and x-forwarded-for. tinyproxy's connections leave from 127.0.0.2,
those of the one with a password from 127.0.0.3, microsocks' from 127.0.0.4 and 127.0.0.5.

/refuse-first/STATUS/COUNT/AFTER/NAME refuses the first COUNT requests of that NAME, with "Retry-After: AFTER" unless that
is -, and /refused/NAME tells how many it refused; /silent never answers.
"""

from flags import http2, login, proxy, redirect, request, retry, tls, way

CASES = [*tls.TABLE, *way.TABLE, *request.TABLE, *redirect.TABLE, *proxy.TABLE, *login.TABLE, *http2.TABLE, *retry.TABLE]
