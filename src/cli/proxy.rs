//! Flags about proxies.

use std::path::PathBuf;

use clap::Args;

use crate::handshake::{Login, Secret};

/// Which proxy leads to the server.
#[derive(Args, Debug, Default)]
pub struct ProxyArgs {
    /// Go through this proxy: [SCHEME://][USER:PASSWORD@]HOST[:PORT], where SCHEME is http (without
    /// one), https, socks5 or socks5h; an empty one is no proxy
    ///
    /// An http proxy is asked for a tunnel with CONNECT, https is the same over TLS to the proxy. With
    /// socks5 the server's name is resolved here, with socks5h by the proxy. The port is 1080, for
    /// https 443, unless given. Without -x the environment decides: http_proxy for ws://, https_proxy
    /// or HTTPS_PROXY for wss://, all_proxy or ALL_PROXY for both. Example: wspipe send -x
    /// http://proxy.example.org:3128 wss://www.example.org/ hello
    #[arg(
        short = 'x',
        long,
        value_name = "PROXY",
        help_heading = "Proxy",
        allow_hyphen_values = true,
        value_parser = super::request::secret
    )]
    pub proxy: Option<Secret>,

    /// Log in at the proxy; without a colon, the password is asked for
    ///
    /// For http and https it goes by the Basic scheme. Example: wspipe listen -x socks5h://localhost:1080
    /// -U me:secret ws://www.example.org/
    #[arg(short = 'U', long, value_name = "USER:PASSWORD", help_heading = "Proxy",
          allow_hyphen_values = true, value_parser = super::request::login)]
    pub proxy_user: Option<Login>,

    /// Send a header to the proxy, as -H does to the server. May be repeated
    ///
    /// Example: wspipe listen -x localhost:3128 --proxy-header 'X-Team: data' wss://www.example.org/
    #[arg(long = "proxy-header", value_name = "HEADER|@FILE", help_heading = "Proxy",
          allow_hyphen_values = true, value_parser = super::request::secret)]
    pub proxy_headers: Vec<Secret>,

    /// Trust the authorities in this PEM file for the certificate of an https proxy
    ///
    /// Example: wspipe listen -x https://proxy.example.org --proxy-cacert ca.pem wss://www.example.org/
    #[arg(long, value_name = "FILE", help_heading = "Proxy")]
    pub proxy_cacert: Option<PathBuf>,

    /// Trust any certificate of an https proxy: for tests only
    ///
    /// Example: wspipe listen -x https://localhost:3129 --proxy-insecure wss://www.example.org/
    #[arg(long, help_heading = "Proxy")]
    pub proxy_insecure: bool,

    /// Go to these hosts without a proxy: names with those below them, addresses, networks, or *
    ///
    /// LIST is separated by commas. Without it, no_proxy or NO_PROXY counts. Example: wspipe listen
    /// --noproxy localhost,example.org,10.0.0.0/8 ws://www.example.org/
    #[arg(long, value_name = "LIST", help_heading = "Proxy")]
    pub noproxy: Option<String>,
}
