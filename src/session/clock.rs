//! What time it is for a session: the clock of its timers, which a test may set.

use std::time::Instant;

/// Now.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
