//! Decisions that depend on what happened and when: `(event, now)` in, an action out. No clock is
//! read here and nothing is done here.

pub mod countdown;
pub mod delayed;
pub mod ending;
pub mod expect;
pub mod keepalive;
pub mod pace;
pub mod pings;
pub mod posts;
pub mod reconnect;
pub mod retry;
