//! Proxies: the tunnel by CONNECT and by SOCKS 5, what is said in it, and what each refusal says.

mod support;

use std::net::SocketAddr;

use support::{Authority, Manner, Nobody, Peer, Two, ends, front, run, two};

/// The proxy's user and password in Basic.
const BASIC: &str = "Basic bWU6c2VjcmV0";

/// A proxy that opens the tunnel to `server`, whatever host is asked for.
fn http_proxy(server: SocketAddr) -> Peer {
    Peer::start(move |wire| {
        wire.request();
        wire.send("HTTP/1.1 200 Connection established\r\n\r\n");
        wire.pass_on(server);
    })
}

/// A proxy that answers like this.
fn answering(answer: &'static [u8]) -> Peer {
    Peer::start(move |wire| {
        wire.request();
        wire.try_send(answer);
        wire.end_whatever_comes();
    })
}

#[test]
fn connect_opens_a_tunnel_with_headers_of_its_own() {
    let server = Peer::that_says_hello();
    let proxy = http_proxy(server.address);
    let given = format!("http://me:secret@{}", proxy.address);
    let args = ["-x", &given, "--proxy-header", "X-Team: data", "--proxy-header", "User-Agent:"];
    let args =
        [&["listen", "-v", "-H", "X-Own: 1"], &args[..], &["ws://www.example.org/"]].concat();
    let output = run(args).output();
    output.check(ends(0).printing("hello\n").saying(&[
        &format!("* proxy http://{} (-x)\n", proxy.address),
        "> CONNECT www.example.org:80 HTTP/1.1\n> Host: www.example.org:80\n",
        "> Proxy-Authorization: (redacted)\n",
        "< HTTP/1.1 200 Connection established\n",
        "* the proxy has opened a tunnel to www.example.org:80\n> GET / HTTP/1.1\n",
    ]));
    assert!(!output.says("secret"), "{}", output.report());
    let asked = proxy.seen();
    assert!(asked.request.starts_with("CONNECT www.example.org:80 HTTP/1.1\r\n"));
    let expected = [
        ("Host", Some("www.example.org:80")),
        ("Proxy-Authorization", Some(BASIC)),
        ("X-Team", Some("data")),
        ("User-Agent", None),
        ("X-Own", None),
    ];
    for (name, value) in expected {
        assert_eq!(asked.header(name).as_deref(), value, "{name}");
    }
    let seen = server.seen();
    assert_eq!(seen.header("Host").as_deref(), Some("www.example.org"));
    for (name, value) in [("X-Own", Some("1")), ("X-Team", None), ("Proxy-Authorization", None)] {
        assert_eq!(seen.header(name).as_deref(), value, "{name}");
    }
}

#[test]
fn tls_is_spoken_in_the_tunnel_and_with_the_proxy() {
    let authority = Authority::new();
    let server = front(
        authority.sign("server", &["inside"]),
        Manner::default(),
        Peer::that_says_hello().address,
    );
    let proxy = http_proxy(server);
    let outside = front(authority.sign("proxy", &["localhost"]), Manner::default(), proxy.address);
    let given = format!("https://localhost:{}", outside.port());
    let ca = authority.path("ca.pem");
    let args =
        ["listen", "-v", "-x", &given, "--proxy-cacert", &ca, "--cacert", &ca, "wss://inside/"];
    let output = run(args).output();
    output.check(ends(0).printing("hello\n").saying(&["CN=proxy", "CN=server"]));
    assert!(proxy.seen().request.starts_with("CONNECT inside:443 HTTP/1.1\r\n"));
}

#[test]
fn a_proxy_that_is_not_trusted_is_60_unless_it_may_be_anybody() {
    let authority = Authority::new();
    let proxy = |server: SocketAddr| {
        let identity = authority.sign("proxy", &["localhost"]);
        let outside = front(identity, Manner::default(), http_proxy(server).address);
        format!("https://localhost:{}", outside.port())
    };
    let server = Peer::that_says_hello();
    let given = proxy(server.address);
    let args = ["listen", "-k", "--cacert", "/dev/null", "-x", &given, "ws://inside/"];
    run(args).output().check(ends(60).saying(&[
        "wspipe: the certificate of the proxy localhost:",
        "--proxy-cacert FILE, or anybody with --proxy-insecure",
    ]));
    let given = proxy(server.address);
    let args = ["listen", "--proxy-insecure", "-x", &given, "ws://inside/"];
    run(args).output().check(ends(0).printing("hello\n"));
}

#[test]
fn a_server_in_the_tunnel_may_speak_first() {
    let server = Peer::that_says_hello();
    let inside = two(Two { extended: true, ..Two::default() }, server.address);
    // What HTTP/2 says first comes in the packet of the proxy's answer.
    let proxy = Peer::start(move |wire| {
        wire.request();
        wire.pass_on_after("HTTP/1.1 200 OK\r\n\r\n", inside);
    });
    let given = proxy.address.to_string();
    let args = ["listen", "--http2-prior-knowledge", "-x", &given, "ws://inside/"];
    run(args).output().check(ends(0).printing("hello\n"));
}

/// What comes, and what is answered.
type Said = (&'static [u8], &'static [u8]);

/// A SOCKS proxy with this conversation: what comes, what is answered.
fn socks_proxy(script: &[Said], server: Option<SocketAddr>) -> Peer {
    let script: Vec<_> = script.iter().map(|(asked, answer)| (asked.to_vec(), *answer)).collect();
    Peer::start(move |wire| {
        for (asked, answer) in &script {
            wire.expect_bytes(asked);
            wire.send(answer);
        }
        match server {
            Some(server) => wire.pass_on(server),
            None => wire.end_whatever_comes(),
        }
    })
}

const NO_LOGIN: Said = (b"\x05\x01\x00", b"\x05\x00");
const OFFER_LOGIN: Said = (b"\x05\x02\x00\x02", b"\x05\x02");
const BY_NAME: &[u8] = b"\x05\x01\x00\x03\x06inside\x00\x50";
const OPEN: &[u8] = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50";

#[test]
fn socks_opens_a_tunnel_by_name_or_address() {
    let cases: [(&str, &str, Vec<Said>); 4] = [
        ("socks5h://PROXY", "ws://inside/", vec![NO_LOGIN, (BY_NAME, OPEN)]),
        ("socks5://PROXY", "ws://inside/", {
            vec![NO_LOGIN, (b"\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50", OPEN)]
        }),
        ("socks5h://PROXY", "ws://[::1]:81/", {
            let asked = b"\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x51";
            vec![NO_LOGIN, (asked, OPEN)]
        }),
        ("socks5h://me:secret@PROXY", "ws://inside/", {
            vec![OFFER_LOGIN, (b"\x01\x02me\x06secret", b"\x01\x00"), (BY_NAME, OPEN)]
        }),
    ];
    for (given, url, script) in cases {
        let server = Peer::that_says_hello();
        let proxy = socks_proxy(&script, Some(server.address));
        let given = given.replace("PROXY", &proxy.address.to_string());
        let args = ["listen", "-x", &given, "--resolve", "inside:80:10.0.0.1", url];
        run(args).case(&given).output().check(ends(0).printing("hello\n"));
        proxy.seen();
    }
}

#[test]
fn what_a_proxy_refuses_is_97_and_says_what_to_do() {
    let cases: [(&str, &[u8], &[&str]); 9] = [
        (
            "me",
            b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n",
            &[
                "refused the tunnel to inside:80: 407 Who?\n",
                "it does not know this user and password",
            ],
        ),
        ("", b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n", &["-U USER:PASSWORD"]),
        ("", b"HTTP/1.1 407 Who?\r\nProxy-Authenticate:\r\n\r\n", &["-U USER:PASSWORD"]),
        ("", b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: \xc2\x9b\r\n\r\n", &["-U USER:PASSWORD"]),
        ("", b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: NTLM\r\n\r\n", &["it asks for NTLM"]),
        (
            "",
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n",
            &["403 Forbidden", "< no\n"],
        ),
        ("", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", &["101"]),
        ("", b"SSH-2.0-OpenSSH\r\n", &["broke its handshake: its answer is not HTTP/1.1"]),
        ("", b"", &["broke its handshake: no answer"]),
    ];
    for (user, answer, says) in cases {
        let proxy = answering(answer);
        let at = if user.is_empty() { "" } else { ":secret@" };
        let given = format!("{user}{at}{}", proxy.address);
        let output = run(["listen", "-x", &given, "ws://inside/"]).output();
        output.check(
            ends(97).saying(says).saying(&["wspipe: the proxy http://127.0.0.1:", "hint: "]),
        );
        assert!(!output.says("secret"), "{}", output.report());
    }
}

#[test]
fn what_a_socks_proxy_refuses_is_97_and_says_what_to_do() {
    let refused: [(&str, &'static [u8], &str); 9] = [
        ("1", b"\x05\x01\x00\x01\0\0\0\0\0\0", "gave no tunnel to inside:80: general failure"),
        ("2", b"\x05\x02\x00\x01\0\0\0\0\0\0", "not allowed by its rules"),
        ("3", b"\x05\x03\x00\x01\0\0\0\0\0\0", "network unreachable"),
        ("4", b"\x05\x04\x00\x01\0\0\0\0\0\0", "host unreachable"),
        ("5", b"\x05\x05\x00\x01\0\0\0\0\0\0", "connection refused"),
        ("6", b"\x05\x06\x00\x01\0\0\0\0\0\0", "TTL expired"),
        ("8", b"\x05\x08\x00\x01\0\0\0\0\0\0", "address type not supported"),
        ("garbage", b"HTTP/1.1 400 Bad Request", "broke its handshake"),
        ("the end", b"", "broke its handshake"),
    ];
    for (case, answer, says) in refused {
        let proxy = socks_proxy(&[NO_LOGIN, (BY_NAME, answer)], None);
        let given = format!("socks5h://{}", proxy.address);
        let output = run(["listen", "-x", &given, "ws://inside/"]).case(case).output();
        output.check(ends(97).saying(&["wspipe: the proxy socks5h://", says]));
    }
    let logins: [(&str, &[Said], &str); 3] = [
        ("", &[(NO_LOGIN.0, b"\x05\xff")], "it wants another proof of who we are"),
        ("me:secret@", &[(OFFER_LOGIN.0, b"\x05\xff")], "it wants another proof of who we are"),
        ("me:secret@", &[OFFER_LOGIN, (b"\x01\x02me\x06secret", b"\x01\x01")], {
            "it does not know this user and password"
        }),
    ];
    for (login, script, says) in logins {
        let proxy = socks_proxy(script, None);
        let given = format!("socks5h://{login}{}", proxy.address);
        let output = run(["listen", "-x", &given, "ws://inside/"]).output();
        output.check(ends(97).saying(&[says, "-U USER:PASSWORD"]));
        assert!(!output.says("secret"), "{}", output.report());
    }
}

#[test]
fn the_environment_names_a_proxy_and_who_goes_without() {
    let server = Peer::that_says_hello();
    let proxy = http_proxy(server.address);
    let named = proxy.address.to_string();
    let output = run(["listen", "-v", "ws://inside/"]).env("http_proxy", &named).output();
    output.check(
        ends(0).printing("hello\n").saying(&[&format!("* proxy http://{named} (http_proxy)")]),
    );
    proxy.seen();

    let server = Peer::that_says_hello();
    let url = server.url();
    let without =
        run(["listen", "-v", &url]).env("ALL_PROXY", "127.0.0.1:9").env("NO_PROXY", "127.0.0.0/8");
    let says = ["* no proxy for this host (NO_PROXY)"];
    without.output().check(ends(0).printing("hello\n").saying(&says));

    let echo = run(["send", "-n", "1", "echo:", "hello"]).env("http_proxy", "127.0.0.1:9");
    echo.output().check(ends(0).printing("hello\n"));
    let wrong = run(["listen", "ws://inside/"]).env("http_proxy", "ftp://me:secret@h");
    let says = "wspipe: http_proxy: malformed proxy \"ftp://(redacted)@h\"";
    wrong.output().check(ends(3).saying(&[says, "hint: "]));
}

#[test]
fn a_proxy_that_is_not_there_has_its_own_exit_codes() {
    let url = "ws://inside/";
    let output = run(["listen", "-x", "nosuch.invalid", url]).output();
    output.check(ends(5).saying(&["cannot resolve the proxy nosuch.invalid: "]));
    let nobody = Nobody::refusing();
    let proxy = nobody.address.to_string();
    let output = run(["listen", "-x", &proxy, url]).output();
    let says = format!("cannot connect to the proxy {proxy}: Connection refused\n  hint: nobody");
    output.check(ends(7).saying(&[&says]));
    let nobody = Nobody::hanging();
    let proxy = nobody.address.to_string();
    let output = run(["listen", "--connect-timeout", "200ms", "-x", &proxy, url]).output();
    let says = format!("the proxy {proxy}");
    output.check(ends(28).saying(&["did not open a session within 200ms: no connection", &says]));
}
