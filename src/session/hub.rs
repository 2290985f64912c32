//! Where the connections of a broadcast meet: one log for all, and who wakes whom. What is in the log, and
//! how far each has got, is `policy::posts`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::watch;

use super::spare::{Held, Spare};
use crate::policy::posts::{Place, Posts};
use crate::wire::Kind;

/// Bytes of messages that are coming, or wait for room in the log, of all connections together: four of the
/// largest.
const COMING: usize = 256 << 20;

/// The meeting place.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    posts: Mutex<Posts>,
    /// Changes when there is a message more.
    posted: watch::Sender<()>,
    /// Changes when the log is no longer full.
    room: watch::Sender<()>,
    /// What there is for messages that are coming.
    spare: Spare,
}

impl Default for Hub {
    fn default() -> Self {
        Hub::with(Spare::new(COMING))
    }
}

/// One connection there, until it is dropped.
#[derive(Debug)]
pub struct Member {
    hub: Hub,
    place: Option<Place>,
    posted: watch::Receiver<()>,
    room: watch::Receiver<()>,
}

impl Hub {
    /// One with so much for messages that are coming.
    pub(super) fn with(spare: Spare) -> Hub {
        let (posted, room) = Default::default();
        Hub(Arc::new(Shared { posts: Mutex::default(), posted, room, spare }))
    }

    /// Takes part from now on.
    pub fn join(&self) -> Member {
        let (posted, room) = (self.0.posted.subscribe(), self.0.room.subscribe());
        Member { place: Some(self.posts().join()), hub: self.clone(), posted, room }
    }

    /// What a connection has of the memory for messages that are coming: nothing yet.
    pub fn share(&self) -> Held {
        Held::none(&self.0.spare)
    }

    fn posts(&self) -> MutexGuard<'_, Posts> {
        // Nothing in there is left half done.
        self.0.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something that may make room, and says so.
    fn making_room<T>(&self, what: impl FnOnce(&mut Posts) -> T) -> T {
        let mut posts = self.posts();
        let was_full = posts.is_full();
        let result = what(&mut posts);
        if was_full && !posts.is_full() {
            self.0.room.send_replace(());
        }
        result
    }
}

impl Member {
    /// Says something to all, to itself too.
    pub fn post(&self, due: Instant, kind: Kind, payload: Bytes) {
        self.hub.posts().post(due, kind, payload);
        self.hub.0.posted.send_replace(());
    }

    /// The next message for this one, if its time has come.
    pub fn next(&mut self, now: Instant) -> Option<(Kind, Bytes)> {
        let place = self.place.as_mut()?;
        self.hub.making_room(|posts| posts.next(place, now))
    }

    /// When that is due.
    pub fn due(&self) -> Option<Instant> {
        self.hub.posts().due(self.place.as_ref()?)
    }

    /// Takes what is there, and nothing new.
    pub fn stop(&mut self) {
        if let Some(place) = &mut self.place {
            self.hub.posts().stop(place);
        }
    }

    /// Takes nothing more.
    pub fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            self.hub.making_room(|posts| posts.leave(place));
        }
    }

    /// Whether more may be said.
    pub fn has_room(&self) -> bool {
        !self.hub.posts().is_full()
    }

    /// Whether others wait for this one.
    pub fn is_waited_for(&self, now: Instant) -> bool {
        self.place.as_ref().is_some_and(|place| self.hub.posts().is_held_up_by(place, now))
    }

    /// Waits until there is a message more, or room.
    pub async fn changed(&mut self) {
        // Neither sender goes away: the hub is ours too.
        tokio::select! {
            _ = self.posted.changed() => {}
            _ = self.room.changed() => {}
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leave();
    }
}
