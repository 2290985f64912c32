//! Redirects, and what goes along with them and what does not: users, cookies, headers.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use support::{Authority, Manner, Peer, Script, Wire, ends, front, run};

fn redirecting(status: u16, to: impl Into<String>) -> Script {
    let head =
        format!("HTTP/1.1 {status} Elsewhere\r\nContent-Length: 4\r\nLocation: {}\r\n", to.into());
    Box::new(move |wire| {
        wire.request();
        wire.try_send(format!("{head}Set-Cookie: visit={status}; Path=/\r\n\r\nbody"));
        wire.end_whatever_comes();
    })
}

#[test]
fn every_redirect_is_followed_when_asked_for() {
    for status in [301, 302, 303, 307, 308] {
        let peers =
            Peer::start_each(vec![redirecting(status, "/there?x#y"), Box::new(Wire::hello)]);
        let output = run(["listen", "-L", "-w", "%{url_effective}\n", &peers.url()]).output();
        let address = peers.address;
        output.check(ends(0).printing(format!("hello\nws://{address}/there?x\n")));
        let seen = peers.seen();
        assert!(seen[1].request.starts_with("GET /there?x HTTP/1.1\r\n"), "{}", seen[1].request);
        assert_ne!(seen[0].header("Sec-WebSocket-Key"), seen[1].header("Sec-WebSocket-Key"));
    }
}

#[test]
fn a_redirect_that_is_not_followed_is_a_refusal() {
    let cases: [(&str, u16, &[&str]); 3] = [
        ("without -L", 302, &["302 Elsewhere", "Location: /x", "hint: ", "-L goes there"]),
        ("-L", 304, &["304 Elsewhere"]),
        ("-L", 300, &["300 Elsewhere"]),
    ];
    for (flag, status, says) in cases {
        let peer = Peer::start_each(vec![redirecting(status, "/x")]);
        let url = peer.url();
        let args = if flag == "-L" { vec!["listen", "-L", &url] } else { vec!["listen", &url] };
        run(args).case(flag).output().check(ends(22).saying(says));
    }
}

#[test]
fn too_many_redirects_are_47() {
    for (most, followed) in [("0", 0), ("3", 3)] {
        let scripts = (0..=followed).map(|_| redirecting(307, "/again")).collect();
        let peers = Peer::start_each(scripts);
        let output = run(["listen", "-L", "--max-redirs", most, &peers.url()]).output();
        output.check(ends(47).saying(&[
            &format!("wspipe: more than {most} redirects, the last one to ws://"),
            "hint: is it a loop?",
        ]));
        assert_eq!(peers.seen().len(), followed + 1);
    }
}

#[test]
fn another_origin_is_told_no_secrets() {
    let secrets = ["-u", "me:secret", "-b", "a=secret", "-H", "Host: first", "-H", "X-Own: 1"];
    let in_headers = ["-H", "Authorization: secret", "-H", "Cookie: a=secret"];
    for given in [&secrets[..], &in_headers[..], &["--oauth2-bearer", "secret"]] {
        let server = Peer::that_says_hello();
        let first = Peer::start_each(vec![redirecting(302, server.url())]);
        let url = format!("ws://you:secret@{}/", first.address);
        let args = [&["listen", "-v", "-L"], given, &[&url]].concat();
        let output = run(args).output();
        output.check(ends(0).printing("hello\n").saying(&[
            &format!(
                "* redirected to {}, another origin: what says who we are at the first is not told there",
                server.url()
            ),
            "(redacted)",
        ]));
        assert!(!output.says("secret"), "{}", output.report());
        assert!(first.seen()[0].request.contains("Authorization: "));
        let host = server.address.to_string();
        let seen = server.seen();
        for (name, value) in [("Authorization", None), ("Cookie", None), ("Host", Some(&host[..]))]
        {
            assert_eq!(seen.header(name).as_deref(), value, "{given:?}");
        }
        assert_eq!(seen.header("X-Own").is_some(), given.len() == secrets.len());
    }
}

#[test]
fn the_same_origin_hears_them_again() {
    let peers = Peer::start_each(vec![redirecting(302, "/there"), Box::new(Wire::hello)]);
    let url = format!("ws://me:secret@{}/", peers.address);
    run(["listen", "-L", "-b", "a=1", &url]).output().check(ends(0).printing("hello\n"));
    let seen = peers.seen();
    assert_eq!(seen[1].header("Authorization").as_deref(), Some("Basic bWU6c2VjcmV0"));
    assert_eq!(seen[1].header("Cookie").as_deref(), Some("a=1"));
}

#[test]
fn from_wss_to_ws_it_goes_only_when_allowed() {
    let authority = Authority::new();
    for (flag, code) in [(None, 22), (Some("--allow-downgrade"), 0)] {
        let server = Peer::that_says_hello();
        let first = Peer::start_each(vec![redirecting(302, server.url())]);
        let identity = authority.sign("server", &["localhost"]);
        let outside = front(identity, Manner::default(), first.address);
        let url = format!("wss://localhost:{}/", outside.port());
        let output = run(["listen", "-k", "-L"].into_iter().chain(flag).chain([&url[..]])).output();
        match code {
            0 => output.check(ends(0).printing("hello\n")),
            _ => output.check(ends(22).saying(&["which is not encrypted", "--allow-downgrade"])),
        }
    }
}

#[test]
fn a_redirect_to_nowhere_is_a_malformed_url() {
    let cases = [
        ("ftp://h/", "the URL scheme ftp: is not one for WebSocket"),
        ("http://me:secret@:1/", "(redacted)@"),
    ];
    for (to, says) in cases {
        let peers = Peer::start_each(vec![redirecting(302, to)]);
        let output = run(["listen", "-L", &peers.url()]).case(to).output();
        output.check(ends(3).saying(&["wspipe: redirected from ws://", says, "hint: "]));
        assert!(!output.says("secret"), "{}", output.report());
    }
}

#[test]
fn a_jar_takes_cookies_and_gives_them_back() {
    let folder = tempfile::TempDir::new().unwrap();
    let jar = folder.path().join("jar").display().to_string();
    let both = ["listen", "-L", "-b", &jar, "-c", &jar];
    let peers = Peer::start_each(vec![redirecting(302, "/there"), Box::new(Wire::hello)]);
    run(both.into_iter().chain([&peers.url()[..]])).output().check(ends(0).printing("hello\n"));
    assert_eq!(peers.seen()[1].header("Cookie").as_deref(), Some("visit=302"));
    let text = fs::read_to_string(&jar).unwrap();
    assert!(text.contains("127.0.0.1\tFALSE\t/\tFALSE\t0\tvisit\t302\n"), "{text}");

    let server = Peer::that_says_hello();
    let given = ["listen", "-b", &jar, "-b", "own=1", "-c", "-"];
    let output = run(given.into_iter().chain([&server.url()[..]])).output();
    output.check(ends(0).printing(format!("hello\n{text}")));
    assert_eq!(server.seen().header("Cookie").as_deref(), Some("visit=302; own=1"));
}

#[test]
fn a_jar_is_for_nobody_else_to_read_even_if_it_was() {
    let folder = tempfile::TempDir::new().unwrap();
    let jar = folder.path().join("jar");
    fs::write(&jar, "# Netscape HTTP Cookie File\n# as long as what comes\n".repeat(100)).unwrap();
    fs::set_permissions(&jar, fs::Permissions::from_mode(0o644)).unwrap();
    let peers = Peer::start_each(vec![redirecting(302, "/there"), Box::new(Wire::hello)]);
    let args = ["listen", "-L", "-c", jar.to_str().unwrap(), &peers.url()];
    run(args).output().check(ends(0).printing("hello\n"));
    peers.seen();
    assert_eq!(fs::metadata(&jar).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&jar).unwrap().lines().count(), 2);
}

#[test]
fn a_file_that_is_none_is_said_by_its_line() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("cookies"), "# ok\nsecret\n").unwrap();
    fs::write(path("netrc"), "machine h\nlogin me secret").unwrap();
    let cases: [(&[&str], i32, &str); 5] = [
        (&["-b", &path("cookies")], 26, "cookies, line 2: not a cookie\n  hint: "),
        (&["-b", &path("nosuch")], 26, "cannot read "),
        (&["--netrc-file", &path("netrc")], 26, "netrc, line 2: "),
        (&["--netrc-file", &path("nosuch")], 26, "cannot read "),
        (&["-b", "a=secret\n"], 2, "-b: a cookie has a character that no header may have"),
    ];
    for (args, code, says) in cases {
        let output = run([&["listen"], args, &["ws://127.0.0.1:9/"]].concat()).output();
        output.check(ends(code).saying(&[says]));
        assert!(!output.says("secret"), "{}", output.report());
    }
    let server = Peer::that_says_hello();
    let output = run(["listen", "-c", "/nosuch/jar", &server.url()]).output();
    output.check(ends(23).printing("hello\n").saying(&["cannot write /nosuch/jar: "]));
}

#[test]
fn netrc_says_who_we_are_at_each_host() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join(".netrc").display().to_string();
    fs::write(&file, "machine 127.0.0.1 login me password secret\n").unwrap();
    let home = folder.path().display().to_string();
    let cases: [(&[&str], (&str, &str)); 3] = [
        (&["--netrc-file", &file], ("X", "")),
        (&["--netrc"], ("HOME", &home)),
        (&["--netrc"], ("NETRC", &file)),
    ];
    for (args, (name, value)) in cases {
        let server = Peer::that_says_hello();
        let url = server.url();
        let args = [&["listen"], args, &[&url[..]]].concat();
        run(args).env(name, value).output().check(ends(0).printing("hello\n"));
        assert_eq!(server.seen().header("Authorization").as_deref(), Some("Basic bWU6c2VjcmV0"));
    }
}

#[test]
fn the_heads_of_all_answers_go_to_a_file() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("heads").display().to_string();
    let peers = Peer::start_each(vec![redirecting(302, "/x"), Box::new(Wire::hello)]);
    let output = run(["listen", "-L", "-D", &file, &peers.url()]).output();
    output.check(ends(0).printing("hello\n"));
    let heads = fs::read_to_string(&file).unwrap();
    let first = "HTTP/1.1 302 Elsewhere\r\nContent-Length: 4\r\nLocation: /x\r\nSet-Cookie: visit=302; Path=/\r\n\r\n";
    assert!(heads.starts_with(first), "{heads}");
    assert!(heads[first.len()..].starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{heads}");
    assert!(heads.ends_with("\r\n\r\n"));

    let server = Peer::that_says_hello();
    let output = run(["listen", "-D", "-", &server.url()]).output();
    output.check(ends(0).with_stdout_checked_apart());
    let stdout = output.stdout_text();
    assert!(stdout.starts_with("HTTP/1.1 101") && stdout.ends_with("\r\n\r\nhello\n"), "{stdout}");

    let server = Peer::that_says_hello();
    let file = folder.path().join("messages").display().to_string();
    let output = run(["listen", "-D", "-", "-o", &file, &server.url()]).output();
    output.check(ends(0).with_stdout_checked_apart());
    assert!(output.stdout_text().starts_with("HTTP/1.1 101"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "hello\n");

    let output = run(["listen", "-D", "/nosuch/file", "ws://127.0.0.1:9/"]).output();
    output.check(ends(23).saying(&["cannot write /nosuch/file: "]));
}
