//! From messages to bytes for stdout. Encoding is pure; only `writer` touches the outside.

pub mod encode;
pub mod escape;
pub mod writer;

pub use encode::{Encoder, Encoding, Format};
