//! A line at the terminal that shows how far a long piece of work is.

use std::time::{Duration, Instant};

use super::ui::Ui;
use crate::scan::report::bytes as readable;

/// A piece of work whose steps are counted. Its line disappears with it.
pub struct Progress<'a> {
    ui: &'a Ui,
    doing: &'static str,
    steps: usize,
    done: usize,
    /// When the line is to be drawn next; never where nobody would see it.
    next: Option<Instant>,
    began: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(ui: &'a Ui, steps: usize, doing: &'static str, is_seen: bool) -> Self {
        Self {
            ui,
            doing,
            steps,
            done: 0,
            next: is_seen.then(|| Instant::now() + PATIENCE),
            began: Instant::now(),
        }
    }

    /// One step is done.
    pub fn step(&mut self) {
        self.done += 1;
        let now = Instant::now();
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + PAUSE);
            self.ui.show(Some(line(self.doing, self.done, self.steps)));
        }
    }

    /// So many bytes of one step are done.
    pub fn bytes(&mut self, done: u64, all: u64) {
        let now = Instant::now();
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + PAUSE);
            let mebibytes = |bytes: u64| usize::try_from(bytes >> 20).unwrap_or(usize::MAX);
            let line = line(self.doing, mebibytes(done), mebibytes(all));
            self.ui.show(Some(format!("{line} MiB")));
        }
    }
}

impl Progress<'_> {
    /// So much of a work is done whose end is not known.
    pub fn flow(&mut self, pieces: u64, bytes: u64) {
        let now = Instant::now();
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + PAUSE);
            let taken = now.duration_since(self.began).as_millis().max(1);
            let rate = u64::try_from(u128::from(bytes) * 1000 / taken).unwrap_or(u64::MAX);
            let (bytes, rate) = (readable(bytes), readable(rate));
            let doing = self.doing;
            self.ui.show(Some(format!(
                "mvx: {doing}: {pieces} pieces, {bytes}, {rate}/s"
            )));
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.ui.show(None);
    }
}

fn line(doing: &str, done: usize, steps: usize) -> String {
    let full = (done * WIDTH).checked_div(steps).unwrap_or(0).min(WIDTH);
    let (full, empty) = ("#".repeat(full), "-".repeat(WIDTH - full));
    format!("mvx: {doing} [{full}{empty}] {done}/{steps}")
}

/// How long a command may take before progress is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a line stands at least: faster than that nobody reads.
const PAUSE: Duration = Duration::from_millis(50);

/// Columns of the bar.
const WIDTH: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_from_the_left() {
        let bar = |done, steps| line("sealing", done, steps).replace('-', "");
        assert_eq!(bar(0, 3), "mvx: sealing [] 0/3");
        assert_eq!(bar(1, 3), "mvx: sealing [##########] 1/3");
        assert_eq!(bar(0, 0), "mvx: sealing [] 0/0");
        assert_eq!(
            line("sealing", 5, 3),
            line("sealing", 3, 3).replace("3/3", "5/3")
        );
    }
}
