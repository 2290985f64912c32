//! `serve --tls`: the certificate that is made on the spot, whom it convinces, and where its authority is found.

mod support;

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use support::{Authority, Client, Running, ends, run, says, serve};
use tempfile::TempDir;

/// A server, its URL and the file with its authority.
fn serve_tls(args: &[&str]) -> (Running, String, String) {
    let server = run([&["serve"], args].concat()).start();
    server.wait_for_stdout(".pem\n");
    let printed = String::from_utf8(server.wait_for_stdout(".pem\n")).unwrap();
    let [url, file] = printed.lines().collect::<Vec<_>>()[..] else { panic!("{printed:?}") };
    let (url, file) = (url.to_owned(), file.to_owned());
    (server, url, file)
}

#[test]
fn the_authority_is_in_a_file_that_goes_with_the_server() {
    for (signal, wanted) in [(Signal::INT, ends(0)), (Signal::TERM, support::dies_by(15))] {
        let (server, url, file) = serve_tls(&["--tls"]);
        assert!(url.starts_with("wss://127.0.0.1:"), "{url}");
        let port = url.rsplit(':').next().unwrap();
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("wss://{host}:{port}/");
            let output = run(["send", "-n", "1", "--cacert", &file, &url, "hi"]).output();
            output.check(ends(0).printing("hi\n"));
        }
        run(["send", &url, "hi"]).output().check(ends(60).saying(&["is not trusted"]));
        server.signal(signal);
        server.output().check(wanted.printing(format!("{url}\n{file}\n")));
        assert!(!Path::new(&file).exists(), "{file} is left behind");
    }
}

#[test]
fn every_version_and_every_manner_is_spoken_over_tls() {
    let (server, url, file) = serve_tls(&["--tls", "--broadcast", "--subprotocol", "chat"]);
    let lines = "x\n".repeat(10_000);
    for flag in ["--tlsv1.3", "--tls-max=1.2"] {
        let args = ["send", "--cacert", &file, "--subprotocol", "chat", "-n", "10000", flag, &url];
        run(args).stdin(&lines).output().check(ends(0).printing(&lines));
    }
    server.signal(Signal::INT);
    server.output().check(ends(0).with_stdout_checked_apart());
}

#[test]
fn the_command_is_told_the_file_and_keeps_its_own_authorities() {
    let script = "\"$0\" send --cacert \"$WSPIPE_CACERT\" -n 1 \"$WSPIPE_URL\" hi; \
        [ \"$NODE_EXTRA_CA_CERTS\" = \"$WSPIPE_CACERT\" ] && echo node; echo \"$SSL_CERT_FILE\"";
    let binary = env!("CARGO_BIN_EXE_wspipe");
    let output = run(["serve", "--tls", "--", "sh", "-c", script, binary]).output();
    output.check(ends(0).printing("hi\nnode\n\n"));
    let script = "echo \"$NODE_EXTRA_CA_CERTS\"";
    let output = run(["serve", "--tls", "--", "sh", "-c", script])
        .env("NODE_EXTRA_CA_CERTS", "/mine.pem")
        .output();
    output.check(ends(0).printing("/mine.pem\n"));
    let script = "echo \"$WSPIPE_CACERT\"";
    run(["serve", "--", "sh", "-c", script]).output().check(ends(0).printing("\n"));
}

#[test]
fn the_authority_can_be_kept() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ca.pem").display().to_string();
    let script = "\"$0\" send --cacert \"$1\" -n 1 \"$WSPIPE_URL\" hi";
    let binary = env!("CARGO_BIN_EXE_wspipe");
    let args = ["serve", "--tls", "--tls-ca", &file, "--", "sh", "-c", script, binary, &file];
    run(args).output().check(ends(0).printing("hi\n"));
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.starts_with("-----BEGIN CERTIFICATE-----") && !kept.contains("KEY"), "{kept}");
    let nowhere = folder.path().join("no/such/ca.pem").display().to_string();
    let output = run(["serve", "--tls", "--tls-ca", &nowhere]).output();
    output.check(ends(23).saying(&["cannot write", &nowhere]));
}

#[test]
fn a_certificate_can_be_given() {
    let authority = Authority::new();
    authority.sign("server", &["localhost", "127.0.0.1"]);
    let (certificate, key) = (authority.path("server.pem"), authority.path("server.key"));
    let (server, url) = serve(&["--cert", &certificate, "--key", &key]);
    let ca = authority.path("ca.pem");
    run(["send", "-n", "1", "--cacert", &ca, &url, "hi"]).output().check(ends(0).printing("hi\n"));
    server.signal(Signal::INT);
    server.output().check(ends(0).printing(format!("{url}\n")));
    let output = run(["serve", "--cert", &certificate]).output();
    output.check(ends(58).saying(&[&certificate, "holds no private key"]));
    let output = run(["serve", "--cert", "/no/such.pem"]).output();
    output.check(ends(58).saying(&["/no/such.pem", "cannot be read"]));
    for args in [&["--key", &key][..], &["--tls-ca", "x"], &["--tls", "--tls-ca", "x", "-E", "y"]] {
        run([&["serve"], args].concat()).output().check(ends(2).saying(&["--"]));
    }
}

#[test]
fn who_speaks_no_tls_harms_nobody_else() {
    let (server, url, file) = serve_tls(&["--tls", "-v"]);
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\xff\xff\xff\xff\xff",
        b"\x16\x03\x01\x00\x00",
    ] {
        let mut client = Client::that_says(&url, bytes);
        client.shut_down();
        client.rest();
    }
    Client::that_says(&url, says("hi")).reset();
    let output = run(["send", "-n", "1", "--cacert", &file, &url, "hi"]).output();
    output.check(ends(0).printing("hi\n"));
    server.wait_for_stderr("closed by peer");
    server.signal(Signal::INT);
    let output = server.output();
    output.check(ends(0).with_stdout_checked_apart().saying(&["the TLS handshake failed"]));
}
