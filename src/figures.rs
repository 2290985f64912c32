//! What a session has counted, as plain numbers: `session` makes them and `ui` puts them into words,
//! while it runs or once it is over.

use std::time::Duration;

/// The numbers of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How long it is open, or was.
    pub open: Duration,
    /// What came.
    pub received: Flow,
    /// What was sent.
    pub sent: Flow,
    /// The longest time in which nothing came from the peer, though we would have read it.
    pub longest_silence: Duration,
    /// What there is about Pings, if any was answered.
    pub round_trips: Option<RoundTrips>,
    /// What compression has brought, if it was agreed on.
    pub compression: Option<Compression>,
}

/// What went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Messages.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// The times from a Ping to its Pong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// How many there were.
    pub count: u64,
    /// The shortest of all.
    pub min: Duration,
    /// The median of the latest.
    pub median: Duration,
    /// The 99th percentile of the latest.
    pub p99: Duration,
}

/// The bytes on the wire, with frame headers and all, and those of the payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compression {
    /// What came.
    pub received: Squeezed,
    /// What was sent.
    pub sent: Squeezed,
}

/// Bytes that went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Squeezed {
    /// On the wire.
    pub wire: u64,
    /// As they were before, or are now.
    pub payload: u64,
}
