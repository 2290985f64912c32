//! The opening handshake (RFC 6455 section 4): what we ask, and how an answer is judged; for
//! `serve`, the other way round. Values in, values out: `net` moves the bytes.

mod accept;
mod certificate;
mod cookies;
pub mod deflate;
mod detour;
mod extensions;
mod netrc;
mod proxy;
mod redirect;
mod request;
mod response;
mod shown;
mod step;
mod target;
mod tls;

pub use accept::{Admission, Rejection, Terms, status_in_words};
pub use certificate::{Certificate, public_key};
pub use cookies::Jar;
pub use deflate::{Offer, accept_offer};
pub use detour::{ConnectTo, Detours, Family, Interface, Resolve};
pub use netrc::Netrc;
pub use proxy::{Proxies, Proxy, ProxyFault, ProxyKind, Route};
pub use redirect::{RedirectFault, Redirects, leads_to};
pub use request::{Credentials, HeaderLine, Login, Request, Secret};
pub use response::{Accepted, HandshakeFault, Refusal, judge, judge_choices, status_line};
pub use shown::{header_name, shown_headers};
pub use step::{Hop, Step};
pub use target::{Location, Target, TargetError, without_userinfo};
pub use tls::{Distrust, Pin, Pins, TlsFault, TlsInfo, TlsOptions, TlsVersion};
