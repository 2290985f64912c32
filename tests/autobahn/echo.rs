//! A client for a fuzzing server: `autobahn-echo PARAMS URL` opens a WebSocket with the library, offers
//! permessage-deflate with these parameters of `--compress`, and sends back what comes.

use std::time::Duration;
use std::{env, future};

use anyhow::Context as _;
use wspipe::cli::compress;
use wspipe::handshake::{Detours, Proxies, Request, Target, TlsOptions};
use wspipe::net::{self, How, Http, Limits, Opened};
use wspipe::session::{Conduct, Serving, Spare};
use wspipe::wire::Role;

/// How long the opening may take.
const LIMIT: Duration = Duration::from_secs(10);
/// When TCP looks after an idle connection.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Bytes that the server may send before it reads.
const SPARE: usize = 64 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let parameters = arguments.next().context("no parameters")?;
    let offer = compress(&parameters).map_err(anyhow::Error::msg)?;
    let how = How {
        request: Request { compress: Some(offer), ..Request::default() },
        detours: Detours::default(),
        proxies: Proxies::default(),
        tls: TlsOptions::default(),
        proxy_tls: TlsOptions::default(),
        http: Http::One,
        redirects: None,
        limits: Limits { connect_timeout: Some(LIMIT), tcp_keepalive: KEEPALIVE, unsent: None },
    };
    let url = arguments.next().context("no URL")?;
    let Target::Server(location) = Target::parse(&url)? else {
        anyhow::bail!("{url} is no server")
    };
    let Opened { stream, early, accepted } = net::open(&location, &how, None, &mut |_| {}).await?;
    let spare = Spare::new(SPARE);
    let conduct = Conduct::default();
    let (deflate, answers) = (accepted.deflate, conduct.enter());
    let echo = Serving { role: Role::Client, deflate, spare: &spare, answers };
    echo.run(stream, &early, future::pending()).await;
    Ok(())
}
