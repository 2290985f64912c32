//! From messages to bytes for stdout. Encoding is pure; only `writer` and what it uses, `pipe` and
//! `thread`, touch the outside.

pub mod color;
pub mod encode;
pub mod escape;
pub mod frames;
pub mod json;
mod pipe;
mod thread;
pub mod writer;

pub use color::{Color, Palette};
pub use encode::{Encoder, Encoding, Format};
pub use thread::{Destination, Screen};
