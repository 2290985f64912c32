//! Lines of many connections on stderr, one after the other. Nobody waits for a stderr that is stuck: what
//! finds no room is counted, and the count is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::command::stderr::Stderr;

/// Lines that may wait.
const WAITING: usize = 1000;
/// How long the last words may take: enough for a stderr that is not stuck.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Where lines are said; without a listener, which is the default, nowhere.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    sender: Option<mpsc::Sender<Line>>,
    unsaid: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Line {
    Text(String),
    /// All that came before is to be said, and this to be told of it.
    Flush(oneshot::Sender<()>),
}

impl Lines {
    /// Begins to say lines.
    pub fn start() -> Lines {
        let (sender, receiver) = mpsc::channel(WAITING);
        let unsaid = Arc::new(AtomicU64::new(0));
        tokio::spawn(say_all(receiver, Arc::clone(&unsaid)));
        Lines { sender: Some(sender), unsaid }
    }

    /// Says a line soon.
    pub fn say(&self, line: &str) {
        if let Some(sender) = &self.sender
            && sender.try_send(Line::Text(format!("{line}\n"))).is_err()
        {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all is said, but not for long.
    pub async fn said(&self) {
        let Some(sender) = &self.sender else { return };
        let said = async {
            let (tell, told) = oneshot::channel();
            // Whoever does not listen any more has nothing left to say.
            let _ = sender.send(Line::Flush(tell)).await;
            let _ = told.await;
        };
        let _ = tokio::time::timeout(LAST_WORDS, said).await;
    }
}

async fn say_all(mut receiver: mpsc::Receiver<Line>, unsaid: Arc<AtomicU64>) {
    let mut stderr = Stderr::default();
    stderr.begin();
    while let Some(line) = receiver.recv().await {
        match line {
            Line::Text(text) => stderr.say(&text),
            Line::Flush(tell) => {
                stderr.said().await;
                drop(tell);
            }
        }
        match unsaid.swap(0, Ordering::Relaxed) {
            0 => {}
            count => {
                stderr.say(&format!("wspipe: {count} lines about connections found no room\n"))
            }
        }
        stderr.said().await;
    }
}
