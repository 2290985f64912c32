//! Memory that connections share: what there is for peers that write before they read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that one connection takes of it at a time.
const SHARE: usize = 8 << 20;

/// Bytes that all connections together may hold besides their own bound.
#[derive(Clone, Debug, Default)]
pub struct Spare(Arc<AtomicUsize>);

impl Spare {
    /// So many.
    pub fn new(bytes: usize) -> Spare {
        Spare(Arc::new(AtomicUsize::new(bytes)))
    }
}

/// What one connection has of them.
#[derive(Debug)]
pub struct Held<'a> {
    spare: &'a Spare,
    /// How much that is.
    pub bytes: usize,
}

impl<'a> Held<'a> {
    /// Nothing yet.
    pub fn none(spare: &'a Spare) -> Self {
        Held { spare, bytes: 0 }
    }

    /// Takes more, if there is any left.
    pub fn take_share(&mut self) {
        let left = |spare: usize| Some(spare.saturating_sub(SHARE));
        let before = self.spare.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        self.bytes += before.unwrap_or_default().min(SHARE);
    }

    /// Lets others have it.
    pub fn give_back(&mut self) {
        self.spare.0.fetch_add(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}
