//! Memory that connections share, besides what each may have for itself: a bound for all of them together.

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
pub struct Held {
    spare: Spare,
    /// How much that is.
    pub bytes: usize,
}

impl Held {
    /// Nothing yet.
    pub fn none(spare: &Spare) -> Self {
        Held { spare: spare.clone(), bytes: 0 }
    }

    /// Takes as much as it lacks to have so many bytes. Where that is not left, it takes nothing, and this is
    /// false.
    pub fn cover(&mut self, bytes: usize) -> bool {
        let lacking = bytes.saturating_sub(self.bytes);
        let left = |spare: usize| spare.checked_sub(lacking);
        let is_covered =
            self.spare.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok();
        if is_covered {
            self.bytes += lacking;
        }
        is_covered
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

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_covered_is_the_others_only_once_it_is_given_back() {
        let spare = Spare::new(100);
        let (mut one, mut other) = (Held::none(&spare), Held::none(&spare));
        assert!(one.cover(60) && one.cover(10) && one.cover(70));
        assert!(!other.cover(31) && other.cover(30) && !one.cover(71));
        one.give_back();
        assert!(other.cover(100));
        drop(other);
        assert!(one.cover(100) && !one.cover(101));
    }
}
