//! The way to the server: other addresses, ports, families and interfaces than the URL alone would
//! lead to.

mod support;

use support::{Peer, close, ends, run, text};

fn saying_hello() -> Peer {
    Peer::start(|wire| {
        wire.accept_with(&[text("hello"), close(1000, "")].concat());
        wire.end();
    })
}

#[test]
fn a_host_is_looked_for_where_the_flags_say() {
    let cases: [(&str, &str, &str); 7] = [
        ("--resolve", "www.example.org:PORT:127.0.0.1", "www.example.org:PORT"),
        ("--resolve", "*:PORT:127.0.0.1", "www.example.org:PORT"),
        ("--connect-to", "::127.0.0.1:PORT", "www.example.org"),
        ("--connect-to", "www.example.org:81:127.0.0.1:PORT", "www.example.org:81"),
        ("--connect-to", "www.example.org:80:localhost:PORT", "www.example.org"),
        ("--interface", "lo", "127.0.0.1:PORT"),
        ("--interface", "127.0.0.1", "localhost:PORT"),
    ];
    for (flag, rule, host) in cases {
        let peer = saying_hello();
        let port = |text: &str| text.replace("PORT", &peer.address.port().to_string());
        let (rule, host) = (port(rule), port(host));
        let url = format!("ws://{host}/");
        let output = run(["listen", flag, &rule, &url]).case(&rule).output();
        output.check(ends(0).printing("hello\n"));
        assert_eq!(peer.seen().header("Host"), Some(host));
    }
}

#[test]
fn an_address_is_looked_for_elsewhere_too() {
    let peer = saying_hello();
    let port = peer.address.port();
    let rule = format!("127.0.0.9:{port}:127.0.0.1");
    let output = run(["listen", "--resolve", &rule, &format!("ws://127.0.0.9:{port}/")]).output();
    output.check(ends(0).printing("hello\n"));
    assert_eq!(peer.seen().header("Host"), Some(format!("127.0.0.9:{port}")));
}

#[test]
fn a_family_can_be_asked_for() {
    let peer = saying_hello();
    let url = format!("ws://localhost:{}/", peer.address.port());
    run(["listen", "-6", "-4", &url]).output().check(ends(0).printing("hello\n"));
    peer.seen();
    let output = run(["listen", "-6", "ws://127.0.0.1:9/"]).output();
    output.check(ends(6).saying(&["cannot resolve 127.0.0.1: it has no IPv6 address"]));
    let output = run(["listen", "-4", "ws://[::1]:9/"]).output();
    output.check(ends(6).saying(&["cannot resolve [::1]: it has no IPv4 address"]));
}

#[test]
fn an_interface_that_is_not_there_is_no_connection() {
    let url = "ws://127.0.0.1:9/";
    run(["listen", "--interface", "nosuch0", url]).output().check(ends(7).saying(&[]));
    run(["listen", "--interface", "192.0.2.1", url]).output().check(ends(7).saying(&[]));
}

#[test]
fn a_rule_that_is_none_is_a_wrong_command_line() {
    for (flag, rule, says) in [
        ("--resolve", "example.org:127.0.0.1", "HOST:PORT:ADDRESS"),
        ("--connect-to", "example.org:80", "HOST1:PORT1:HOST2:PORT2"),
        ("--interface", "", "the name of an interface"),
    ] {
        let output = run(["listen", flag, rule, "echo:"]).case(flag).output();
        output.check(ends(2).saying(&[says]));
    }
}
