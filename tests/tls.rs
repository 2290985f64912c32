//! TLS: who is trusted, who we are, which versions, and what each failure says.

mod support;

use std::fs;

use support::{Authority, Identity, Manner, Peer, close, ends, front, run, text};

/// A server behind TLS that says one thing.
fn saying(word: &'static str) -> Peer {
    Peer::start(move |wire| {
        wire.accept();
        wire.try_send([text(word), close(1000, "")].concat());
        wire.end_whatever_comes();
    })
}

/// The URL, at localhost, of a server that says this behind TLS with such a certificate.
fn behind(identity: Identity, word: &'static str) -> String {
    let address = front(identity, Manner::default(), saying(word).address);
    format!("wss://localhost:{}/", address.port())
}

/// The URL of a server behind TLS with a certificate for localhost, and its authority.
fn server(manner: impl FnOnce(&Authority) -> Manner) -> (String, Authority) {
    let authority = Authority::new();
    let identity = authority.sign("server", &["localhost"]);
    let address = front(identity, manner(&authority), saying("hello").address);
    (format!("wss://localhost:{}/", address.port()), authority)
}

fn plain() -> (String, Authority) {
    server(|_| Manner::default())
}

#[test]
fn the_authority_is_given_by_flag_or_environment() {
    let cases: [(&str, &[&str]); 5] = [
        ("--cacert", &[]),
        ("--capath", &[]),
        ("CURL_CA_BUNDLE", &["CURL_CA_BUNDLE"]),
        ("SSL_CERT_FILE", &["SSL_CERT_FILE"]),
        ("SSL_CERT_DIR", &["SSL_CERT_DIR"]),
    ];
    for (case, variables) in cases {
        let (url, authority) = plain();
        let folder = authority.path("authorities");
        fs::create_dir(&folder).unwrap();
        fs::copy(authority.path("ca.pem"), format!("{folder}/ca.pem")).unwrap();
        let value = |name: &str| {
            if name.ends_with("path") || name.ends_with("DIR") {
                folder.clone()
            } else {
                authority.path("ca.pem")
            }
        };
        let mut args = vec!["listen".to_owned(), url];
        if variables.is_empty() {
            args.extend([case.to_owned(), value(case)]);
        }
        let mut run = run(args).case(case);
        for name in variables {
            run = run.env(name, value(name));
        }
        run.output().check(ends(0).printing("hello\n"));
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_60_and_says_why() {
    let authority = Authority::new();
    let cases = [
        ("unknown", authority.sign("server", &["localhost"]), "", "its issuer is not known here"),
        ("self-signed", authority.self_signed("self", &["localhost"]), "", "it is self-signed"),
        ("expired", authority.sign_for("old", &["localhost"], 2001, 2002), "ca.pem", {
            "it has expired (subject CN=old; issuer CN=the tests' authority; \
             valid from 2001-01-01T00:00:00Z until 2002-01-01T00:00:00Z)"
        }),
        ("not yet", authority.sign_for("new", &["localhost"], 2110, 2111), "ca.pem", {
            "it is not valid yet"
        }),
        ("other host", authority.sign("other", &["example.org", "10.0.0.1"]), "ca.pem", {
            "it is not for localhost"
        }),
    ];
    for (case, identity, authorities, why) in cases {
        let url = behind(identity, "never");
        let mut args = vec!["listen", &url];
        let file = authority.path(authorities);
        if !authorities.is_empty() {
            args.extend(["--cacert", &file]);
        }
        let output = run(args).case(case).output();
        output.check(ends(60).saying(&["wspipe: the certificate of localhost:", why, "hint: "]));
        if case == "other host" {
            output.check(ends(60).saying(&["it is for example.org, 10.0.0.1"]));
        }
    }
}

#[test]
fn k_trusts_anybody_but_not_another_key_than_the_pinned_one() {
    let pin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let (url, _authority) = plain();
    run(["listen", "-k", &url]).output().check(ends(0).printing("hello\n"));

    let (url, _authority) = plain();
    let output = run(["listen", "-k", "--pinnedpubkey", pin, &url]).output();
    output.check(ends(90).saying(&["is not the pinned one: it is sha256//"]));
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    let key = said.split("it is ").nth(1).unwrap().split(' ').next().unwrap();

    // The same key again, with a wrong one before it.
    let authority = Authority::new();
    let identity = authority.sign("server", &["localhost"]);
    let again = identity.clone();
    let url = behind(identity, "never");
    let output = run(["listen", "-k", "--pinnedpubkey", key, &url]).output();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    output.check(ends(90).saying(&["is not the pinned one"]));
    let key = said.split("it is ").nth(1).unwrap().split(' ').next().unwrap();
    let url = behind(again, "pinned");
    let pins = format!("{pin};{key}");
    run(["listen", "-k", "--pinnedpubkey", &pins, &url])
        .output()
        .check(ends(0).printing("pinned\n"));
}

#[test]
fn a_certificate_that_is_given_is_trusted_as_it_is() {
    let authority = Authority::new();
    let identity = authority.self_signed("self", &["localhost"]);
    let again = identity.clone();
    let url = behind(identity, "hello");
    let file = authority.path("self.pem");
    run(["listen", "--cacert", &file, &url]).output().check(ends(0).printing("hello\n"));

    // Not for another name.
    let address = front(again, Manner::default(), saying("never").address);
    let url = format!("wss://127.0.0.1:{}/", address.port());
    run(["listen", "--cacert", &file, &url]).output().check(ends(60).saying(&[]));
}

#[test]
fn a_server_that_wants_a_certificate_gets_ours_or_ends_with_35() {
    let wants =
        |authority: &Authority| Manner { clients: Some(authority.der()), ..Manner::default() };
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let wants = |authority: &Authority| Manner { version: Some(version), ..wants(authority) };
        let (url, authority) = server(wants);
        authority.sign("me", &["me.example"]);
        let [ca, me, key] = ["ca.pem", "me.pem", "me.key"].map(|name| authority.path(name));
        let output = run(["listen", "--cacert", &ca, "-E", &me, "--key", &key, &url]).output();
        output.check(ends(0).printing("hello\n"));

        // Both in one file.
        let (url, authority) = server(wants);
        authority.sign("me", &["me.example"]);
        let read = |name| fs::read_to_string(authority.path(name)).unwrap();
        authority.write("both.pem", read("me.pem") + &read("me.key"));
        let [ca, both] = ["ca.pem", "both.pem"].map(|name| authority.path(name));
        let output = run(["listen", "--cacert", &ca, "-E", &both, &url]).output();
        output.check(ends(0).printing("hello\n"));

        let (url, authority) = server(wants);
        let ca = authority.path("ca.pem");
        let output = run(["listen", "--cacert", &ca, &url]).output();
        output.check(ends(35).saying(&["TLS with localhost:", "certificate", "--cert FILE"]));
    }
}

#[test]
fn a_certificate_or_key_that_cannot_be_used_is_58_and_names_the_way_out() {
    let authority = Authority::new();
    authority.sign("me", &["me.example"]);
    authority.sign("other", &["other.example"]);
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    authority.write("secret.key", encrypted);
    authority.write("me.p12", [0x30, 0x82, 1, 2, 3, 4]);
    authority.write("empty", "");
    let cases = [
        ("me.pem", "secret.key", "secret.key holds a key with a password", "openssl pkey"),
        ("me.p12", "", "me.p12 is not PEM", "openssl pkcs12"),
        ("me.pem", "", "me.pem holds no private key", "-----BEGIN PRIVATE KEY-----"),
        ("empty", "", "empty holds no certificate", "-----BEGIN CERTIFICATE-----"),
        ("me.pem", "other.key", "me.pem does not belong to the key", "--key FILE"),
        ("missing", "", "missing cannot be read: No such file", ""),
        ("me.pem", "missing.key", "missing.key cannot be read: No such file", ""),
    ];
    for (certificate, key, says, hint) in cases {
        let (certificate, key) = (authority.path(certificate), authority.path(key));
        let mut args = vec!["listen", "-k", "wss://127.0.0.1:9/", "-E", &certificate];
        if !key.ends_with('/') {
            args.extend(["--key", &key]);
        }
        run(args).case(says).output().check(ends(58).saying(&[says, hint]));
    }
}

#[test]
fn authorities_that_cannot_be_read_are_77() {
    let authority = Authority::new();
    authority.write("empty", "");
    for (file, says) in [
        ("missing", "missing cannot be read: "),
        ("empty", "empty has no certificate that can be trusted"),
    ] {
        let path = authority.path(file);
        let output = run(["listen", "--cacert", &path, "wss://127.0.0.1:9/"]).case(file).output();
        output.check(ends(77).saying(&[says, "hint: "]));
    }
    // Nothing of that is looked at for ws://.
    let peer = saying("hello");
    let path = authority.path("missing");
    let output = run(["listen", "--cacert", &path, &peer.url()]).output();
    output.check(ends(0).printing("hello\n"));
}

#[test]
fn versions_are_as_asked() {
    use rustls::version::{TLS12, TLS13};
    let cases: [(_, &[&str], Option<&str>); 6] = [
        (&TLS12, &[], Some("* TLSv1.2, ")),
        (&TLS13, &[], Some("* TLSv1.3, ")),
        (&TLS13, &["--tlsv1.2"], Some("* TLSv1.3, ")),
        (&TLS12, &["--tls-max", "1.2"], Some("* TLSv1.2, ")),
        (&TLS12, &["--tlsv1.3"], None),
        (&TLS13, &["--tls-max", "1.2"], None),
    ];
    for (version, flags, says) in cases {
        let manner = |_: &Authority| Manner { version: Some(version), ..Manner::default() };
        let (url, _authority) = server(manner);
        let args = [&["listen", "-v", "-k", &url], flags].concat();
        let output = run(args).case(&format!("{flags:?}")).output();
        match says {
            Some(says) => output.check(ends(0).printing("hello\n").saying(&[says, "(-k)"])),
            None => output.check(ends(35).saying(&["TLS 1.2 and 1.3 are spoken here"])),
        }
    }
    let output = run(["listen", "--tlsv1.3", "--tls-max", "1.2", "wss://127.0.0.1:9/"]).output();
    output.check(ends(2).saying(&["--tls-max leaves no version"]));
}

#[test]
fn the_name_of_the_server_can_be_another_than_the_host() {
    let authority = Authority::new();
    let identity = authority.sign("server", &["www.example.org"]);
    let address = front(identity, Manner::default(), saying("hello").address);
    let url = format!("wss://{address}/");
    let ca = authority.path("ca.pem");
    let name = ["--tls-server-name", "www.example.org"];
    let output = run(["listen", "--cacert", &ca, name[0], name[1], &url]).output();
    output.check(ends(0).printing("hello\n"));
}

#[test]
fn what_does_not_speak_tls_is_35() {
    let peer = Peer::start(|wire| {
        wire.try_send("HTTP/1.1 400 Bad Request\r\n\r\n");
        wire.end_whatever_comes();
    });
    let url = format!("wss://{}/", peer.address);
    let output = run(["listen", "-k", &url]).output();
    output.check(ends(35).saying(&["the answer is not TLS", "is it a ws:// server?"]));
    peer.seen();

    let peer = Peer::start(|wire| wire.end_whatever_comes());
    let url = format!("wss://{}/", peer.address);
    run(["listen", "-k", &url]).output().check(ends(35).saying(&["ended the connection"]));
    peer.seen();
}

#[test]
fn secrets_are_written_where_sslkeylogfile_says() {
    let (url, authority) = plain();
    let keys = authority.path("keys");
    let output = run(["listen", "-k", &url]).env("SSLKEYLOGFILE", &keys).output();
    output.check(ends(0).printing("hello\n"));
    let keys = fs::read_to_string(keys).unwrap();
    assert!(keys.contains("CLIENT_TRAFFIC_SECRET_0 "), "{keys}");
}

#[test]
fn times_and_records_tell_of_tls() {
    let (url, _authority) = plain();
    let format = "%{time_connect} %{time_appconnect} %{time_upgrade}";
    let output = run(["listen", "-k", "-w", format, "--format", "jsonl", &url]).output();
    output.check(ends(0).with_stdout_checked_apart());
    let printed = String::from_utf8(output.stdout).unwrap();
    let times: Vec<f64> =
        printed.lines().last().unwrap().split(' ').map(|time| time.parse().unwrap()).collect();
    assert!(times.is_sorted() && times[1] > 0.0, "{times:?}");
    let open: serde_json::Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert!(open["timing"]["tls"].as_f64().unwrap() > 0.0, "{open}");
}

#[test]
fn a_server_that_says_nothing_in_the_handshake_is_a_time_limit() {
    let peer = Peer::start(|wire| wire.bytes_until_gone());
    let url = format!("wss://{}/", peer.address);
    let output = run(["listen", "-k", "--connect-timeout", "300ms", &url]).output();
    output.check(ends(28).saying(&["did not open a session within 300ms"]));
    peer.seen();
}

#[test]
fn much_goes_through_both_ways() {
    let authority = Authority::new();
    let peer = Peer::start(|wire| {
        wire.accept();
        loop {
            let frame = wire.read_and_forget().expect("a frame");
            if frame.opcode == support::CLOSE {
                wire.try_send(support::frame(0x80 | support::CLOSE, &frame.payload));
                return wire.end();
            }
            let first = if frame.fin { 0x80 | frame.opcode } else { frame.opcode };
            wire.send(support::frame(first, &frame.payload));
        }
    });
    let address = front(authority.sign("server", &["localhost"]), Manner::default(), peer.address);
    let url = format!("wss://localhost:{}/", address.port());
    let lines: String = (0..100_000).map(|number| format!("{number:=^64}\n")).collect();
    let args = ["send", "-k", "-n", "100000", &url];
    run(args).stdin(&lines).output().check(ends(0).printing(&lines));
    peer.seen();
}

#[test]
fn a_server_that_hangs_up_after_it_has_asked_who_we_are_is_35() {
    let hanging_up = || {
        server(|authority| Manner {
            clients: Some(authority.der()),
            hangs_up: true,
            ..Manner::default()
        })
    };
    let (url, _authority) = hanging_up();
    let says = "hung up after it had asked for a certificate\n  hint: ";
    let output = run(["listen", "-k", &url]).output();
    output.check(ends(35).saying(&[says, "it wants to know who we are: --cert FILE"]));

    let (url, authority) = hanging_up();
    authority.sign("me", &["me"]);
    let (certificate, key) = (authority.path("me.pem"), authority.path("me.key"));
    let output = run(["listen", "-k", "-E", &certificate, "--key", &key, &url]).output();
    output.check(ends(35).saying(&[says, "it may not accept ours"]));
}

#[test]
fn a_variable_that_names_no_authorities_is_named() {
    let run = run(["listen", "wss://127.0.0.1:9/"]).env("SSL_CERT_FILE", "/nosuch");
    run.output().check(ends(77).saying(&["wspipe: /nosuch (SSL_CERT_FILE) cannot be used: "]));
}

#[test]
fn a_given_certificate_that_names_no_host_is_told_so() {
    let authority = Authority::new();
    let identity = authority.self_signed("self", &[]);
    let url = behind(identity, "never");
    let output = run(["listen", "--cacert", &authority.path("self.pem"), &url]).output();
    output.check(ends(60).saying(&["it is not for localhost", "it names no host at all"]));
}
