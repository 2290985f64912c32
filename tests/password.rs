//! A password that is missing is asked for at the terminal, unseen, or said to be missing.

mod support;

use support::{Peer, dies_by, ends, run};

#[test]
fn it_is_asked_for_at_the_terminal() {
    let peer = Peer::that_says_hello();
    let mut running = run(["listen", "-u", "me", &peer.url()]).console().start();
    running.wait_for_console("Enter host password for user 'me': ");
    running.write("secret\n");
    assert!(!running.wait_for_console("\n").contains("secret"));
    running.output().check(ends(0).printing("hello\n"));
    assert_eq!(peer.seen().header("Authorization").as_deref(), Some("Basic bWU6c2VjcmV0"));
}

#[test]
fn ctrl_c_ends_the_question() {
    let mut running = run(["listen", "-u", "me", "ws://127.0.0.1:9/"]).console().start();
    running.wait_for_console("user 'me': ");
    running.write("\x03");
    running.output().check(dies_by(2));
}

#[test]
fn without_a_terminal_it_is_said_to_be_missing() {
    for (flag, what) in [("-u", "-u me: "), ("-U", "-U me: ")] {
        let run = run(["listen", flag, "me", "-x", "127.0.0.1:9", "ws://h/"]).without_terminal();
        run.output().check(ends(2).saying(&[
            what,
            "there is no terminal to ask at",
            "USER:PASSWORD",
        ]));
    }
    let peer = Peer::that_says_hello();
    run(["listen", "-u", "me:", &peer.url()]).output().check(ends(0).printing("hello\n"));
    assert_eq!(peer.seen().header("Authorization").as_deref(), Some("Basic bWU6"));
}
