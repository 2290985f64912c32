//! The opening handshake (RFC 6455 section 4): what we ask, and how an answer is judged; for
//! `serve`, the other way round. Values in, values out: `net` moves the bytes.

mod accept;
mod request;
mod response;
mod step;
mod target;

pub use accept::{accept, reject};
pub use request::{Credentials, HeaderLine, Request, Secret};
pub use response::{Accepted, HandshakeFault, Refusal, judge};
pub use step::Step;
pub use target::{Location, Target, TargetError};
