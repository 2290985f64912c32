//! `serve`, and the server behind `echo:`: the same echo server, in a process of its own or in
//! ours.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use url::Host;

use crate::cli::ServeArgs;
use crate::exit::{Exit, code};
use crate::failure::Failure;
use crate::handshake::Location;
use crate::net;
use crate::session::{self, Echo, MAX_HELD, Spare};
use crate::wire::Role;

/// What a shell says of a command that is there and cannot be run, and of one that is not there.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;
/// How long clients may take to part when the server ends.
const PARTING: Duration = Duration::from_secs(1);
/// How long accepting pauses when the system has no descriptor left.
const BREATH: Duration = Duration::from_millis(50);

/// Starts the server behind `echo:`, on a free port of loopback.
///
/// # Errors
/// There is no port.
pub async fn start_echo() -> Result<Location, Failure> {
    let (listener, address) = listen("127.0.0.1:0").await?;
    let (_, ended) = watch::channel(());
    // We read while we write.
    tokio::spawn(accept_all(listener, Spare::default(), ended));
    Ok(location(address))
}

/// Runs `serve`.
///
/// # Errors
/// The address cannot be had, or the command not be run.
pub async fn serve(arguments: ServeArgs) -> Result<Exit, Failure> {
    // Ctrl-C also goes to the child, which decides what it means; we only outlive it.
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let (listener, bound) = listen(&arguments.address).await?;
    let url = format!("ws://{bound}");
    let (end, ended) = watch::channel(());
    let accepting = tokio::spawn(accept_all(listener, Spare::new(MAX_HELD as usize), ended));
    let exit = match arguments.command.split_first() {
        Some((program, rest)) => run_child(program, rest, &url).await,
        None => {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{url}")
                .and_then(|()| stdout.flush())
                .map_err(|error| Failure::Output { name: session::STDOUT.into(), error })?;
            drop(stdout);
            interrupt.recv().await;
            Ok(Exit::Code(code::SUCCESS))
        }
    };
    // Clients hear of it; one that does not listen is not waited for.
    accepting.abort();
    end.send_replace(());
    let _ = tokio::time::timeout(PARTING, end.closed()).await;
    exit
}

async fn listen(address: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = net::listen(address).await?;
    let bound = listener
        .local_addr()
        .map_err(|error| Failure::Bind { address: address.to_owned(), error })?;
    Ok((listener, bound))
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

/// Serves every client until `ended` changes.
async fn accept_all(listener: TcpListener, spare: Spare, ended: watch::Receiver<()>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let mut ended = ended.clone();
                let spare = spare.clone();
                tokio::spawn(async move {
                    // Without this only latency is lost.
                    let _ = stream.set_nodelay(true);
                    if let Some(client) = net::accept(stream).await {
                        let ended = async {
                            if ended.changed().await.is_err() {
                                std::future::pending().await
                            }
                        };
                        let net::ServerSide { stream, early, deflate } = client;
                        let echo = Echo { role: Role::Server, deflate, spare: &spare };
                        echo.run(stream, &early, ended).await;
                    }
                });
            }
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

async fn run_child(program: &OsString, arguments: &[OsString], url: &str) -> Result<Exit, Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let spawned = Command::new(program).args(arguments).env("WSPIPE_URL", url).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Ok(Exit::Code(cannot_spawn(program, &error))),
    };
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.context("cannot wait for the command")?,
            _ = terminate.recv() => pass_on_terminate(&child),
        }
    };
    let by_signal = status.signal().map(|signal| 128 + signal);
    Ok(Exit::Code(status.code().or(by_signal).unwrap_or(code::OTHER)))
}

fn cannot_spawn(program: &OsString, error: &io::Error) -> i32 {
    let program = program.display();
    // Where nobody can read it there is nobody to tell.
    let _ = writeln!(io::stderr(), "wspipe: cannot run {program}: {error}");
    if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN }
}

fn pass_on_terminate(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // A child that has gone meanwhile needs no signal.
        let _ = kill_process(pid, Signal::TERM);
    }
}
