//! `serve`, and the server behind `echo:`: the same server, in a process of its own or in ours. From its start
//! to its end; what it does with a client is in `door`, and what it was asked to do in `plan`.

mod child;
mod door;
mod lines;
mod plan;
mod replay;
mod secure;

use std::future::pending;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use signal_hook::consts::SIGTERM;
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Host;

use crate::cli::ServeArgs;
use crate::exit::{Exit, code};
use crate::failure::Failure;
use crate::handshake::{Location, Target};
use crate::net::{self, How};
use crate::session::{Chronicle, Interrupt, Interrupts, MAX_HELD, Spare};
use child::Child;
use door::Door;
use lines::Lines;

/// How long clients may take to part when the server ends.
const PARTING: Duration = Duration::from_secs(1);

/// Where a target is; `echo:` is a server that is started for it.
///
/// # Errors
/// That cannot be started.
pub async fn locate(target: Target, how: &mut How) -> Result<Location, Failure> {
    match target {
        Target::Server(location) => Ok(location),
        Target::Echo => {
            how.go_straight();
            start_echo().await
        }
    }
}

/// Starts the server behind `echo:`, on a free port of loopback.
async fn start_echo() -> Result<Location, Failure> {
    let (listener, address) = listen("127.0.0.1:0").await?;
    let (_, ended) = watch::channel(());
    // Nobody but us comes, and we read while we write.
    tokio::spawn(Arc::new(Door::default()).receive_all(listener, ended));
    Ok(location(address))
}

/// Runs `serve`.
///
/// # Errors
/// The address cannot be had, or a certificate, or the command not be run.
pub async fn serve(arguments: ServeArgs) -> Result<Exit, Failure> {
    // Until there is a server a signal does what it does to all programs: a name server may be slow, and
    // the files may be FIFOs.
    let plan = plan::plan(arguments)?;
    let (listener, bound) = listen(&plan.address).await?;
    let tls = plan.tls.as_ref().map(|tls| secure::secure(tls, &plan.address, bound)).transpose()?;
    let (tls, made) = tls.map(|tls| (tls.acceptor, tls.made)).unzip();
    let mut interrupts =
        Interrupts::new(Instant::now(), None).context("cannot listen for signals")?;
    let authority = made.flatten().map(secure::Made::in_a_file).transpose()?;
    let url = url(bound, tls.is_some());
    let mut door = Door {
        reception: plan.reception,
        conduct: plan.conduct,
        spare: Spare::new(MAX_HELD as usize),
        replay: None,
        chronicle: plan.chronicle.map(Arc::new),
        url: url.clone(),
        verbose: plan.verbose,
        lines: Lines::start(),
    };
    door.reception.tls = tls;
    let lines = door.lines.clone();
    let has_command = !plan.command.is_empty();
    let replay =
        plan.replay.map(|replay| Arc::new(replay.told(lines.clone(), plan.verbose, has_command)));
    door.replay.clone_from(&replay);
    let (end, ended) = watch::channel(());
    let chronicle = door.chronicle.clone();
    let receiving = tokio::spawn(Arc::new(door).receive_all(listener, ended));
    let authority_file = authority.as_ref().map(secure::Authority::path);
    let running = async {
        match Child::of(&plan.command) {
            Some(child) => child.run(&url, authority_file, &mut interrupts).await,
            None => {
                announce(&url, authority_file)?;
                Ok(wait(&mut interrupts).await)
            }
        }
    };
    let exit = tokio::select! {
        exit = running => exit,
        failure = unwritten(chronicle.as_deref()) => Err(failure),
    };
    // Clients hear of it; one that does not listen is not waited for.
    receiving.abort();
    end.send_replace(());
    tokio::select! {
        _ = tokio::time::timeout(PARTING, end.closed()) => {}
        _ = interrupts.next() => {}
    }
    let is_departed_from = replay.is_some_and(|replay| replay.was_departed_from());
    lines.said().await;
    exit.map(|exit| match exit {
        Exit::Code(code::SUCCESS) if is_departed_from => Exit::Code(code::NOT_AS_ASKED),
        exit => exit,
    })
}

async fn listen(address: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = net::listen(address).await?;
    let bound = listener
        .local_addr()
        .map_err(|error| Failure::Bind { address: address.to_owned(), error })?;
    Ok((listener, bound))
}

/// Why what passes cannot be written down any more, if it comes to that.
async fn unwritten(chronicle: Option<&Chronicle>) -> Failure {
    match chronicle {
        Some(chronicle) => chronicle.failed().await,
        None => pending().await,
    }
}

/// Prints what a client needs to know, a line each.
fn announce(url: &str, authority: Option<&Path>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let mut said = writeln!(stdout, "{url}");
    if let Some(file) = authority {
        said = said.and_then(|()| writeln!(stdout, "{}", file.display()));
    }
    said.and_then(|()| stdout.flush()).map_err(Failure::of_stdout)
}

/// Waits for the end: Ctrl-C is what ends a server.
async fn wait(interrupts: &mut Interrupts) -> Exit {
    match interrupts.next().await {
        Interrupt::Signal(SIGTERM) => Exit::Signal(SIGTERM),
        _ => Exit::Code(code::SUCCESS),
    }
}

/// Where a client on this machine finds us: every interface is no place to go to.
fn url(bound: SocketAddr, secure: bool) -> String {
    let scheme = if secure { "wss" } else { "ws" };
    let reachable = match bound.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => (Ipv4Addr::LOCALHOST, bound.port()).into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => (Ipv6Addr::LOCALHOST, bound.port()).into(),
        _ => bound,
    };
    format!("{scheme}://{reachable}")
}

fn location(address: SocketAddr) -> Location {
    let host = match address.ip() {
        IpAddr::V4(address) => Host::Ipv4(address),
        IpAddr::V6(address) => Host::Ipv6(address),
    };
    Location {
        socket: None,
        secure: false,
        host,
        port: address.port(),
        resource: "/".into(),
        credentials: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_one_that_a_client_can_go_to() {
        let cases = [
            ("127.0.0.1:9000", false, "ws://127.0.0.1:9000"),
            ("0.0.0.0:9000", false, "ws://127.0.0.1:9000"),
            ("[::]:9000", true, "wss://[::1]:9000"),
            ("192.0.2.7:1", true, "wss://192.0.2.7:1"),
        ];
        for (bound, secure, expected) in cases {
            assert_eq!(url(bound.parse().unwrap(), secure), expected);
        }
    }
}
