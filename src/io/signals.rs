//! What happens before a signal ends the process.
//!
//! Signals are watched from the first clean-up on: a command that leaves nothing behind pays
//! nothing. A thread of its own waits for SIGINT, SIGTERM, SIGHUP and SIGQUIT, runs the clean-ups
//! that stand at that moment, latest first, and lets the process die of the signal. A shell shows
//! that as 130 for SIGINT and 143 for SIGTERM, and a loop in a script ends as it should, which it
//! would not if mvx caught the signal and exited by itself. No destructor runs on this way out:
//! whatever must not outlive the process registers here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::io::IoError;

/// A registered clean-up. Dropping it takes it back without running it.
#[must_use = "the clean-up stands only while this lives"]
pub struct CleanUp {
    id: u64,
}

/// While it lives, Ctrl-C is left to the command in the foreground, such as an editor.
#[must_use = "interrupts are left to the command only while this lives"]
pub struct InterruptsLeft(());

/// While it lives, a signal that would end the process waits.
#[must_use = "signals wait only while this lives"]
pub struct Whole(
    #[expect(dead_code, reason = "what counts is that it is held")] MutexGuard<'static, ()>,
);

/// Lets what must not be done by half be done whole: a signal that comes meanwhile ends the process
/// afterwards. For what takes milliseconds.
pub fn hold_off() -> Result<Whole, IoError> {
    registry().watch()?;
    Ok(Whole(WHOLE.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Held while something is done that must be done whole.
static WHOLE: Mutex<()> = Mutex::new(());

/// Registers `action` to run if a signal ends the process. It must not panic, and must not call
/// this module.
pub fn before_death(action: impl FnOnce() + Send + 'static) -> Result<CleanUp, IoError> {
    let mut registry = registry();
    registry.watch()?;
    Ok(registry.register(action))
}

/// Starts something and registers what ends it, with no moment in between: a signal that comes
/// meanwhile waits until it is registered. `start` must not call this module, and `action` is bound
/// by what [`before_death`] says.
pub fn start_and_end<T, A: FnOnce() + Send + 'static>(
    start: impl FnOnce() -> Result<T, IoError>,
    action: impl FnOnce(&T) -> A,
) -> Result<(T, CleanUp), IoError> {
    let mut registry = registry();
    registry.watch()?;
    let started = start()?;
    let clean_up = registry.register(action(&started));
    Ok((started, clean_up))
}

/// Leaves SIGINT and SIGQUIT to the command in the foreground, which got them from the terminal
/// too and may go on; what git does while an editor runs.
pub fn leave_interrupts() -> InterruptsLeft {
    LEFT.fetch_add(1, Ordering::SeqCst);
    InterruptsLeft(())
}

/// Leaves every signal to the command that mvx stays beside, from now on: somebody else watches
/// them and passes them on (`io::forward`), and mvx ends when the command does.
pub(crate) fn leave_all() {
    ALL_LEFT.store(true, Ordering::SeqCst);
}

/// Waits for the signal that has just been raised to end the process. Returns only if nobody
/// watches signals, or something is wrong with them.
pub(crate) fn give_way() {
    if registry().watching {
        thread::sleep(Duration::from_secs(1));
    }
}

impl Drop for CleanUp {
    fn drop(&mut self) {
        // while the clean-ups run this waits, and the process ends meanwhile: no half-done removal
        // is overtaken by a normal exit
        registry().actions.retain(|(id, _)| *id != self.id);
    }
}

impl Drop for InterruptsLeft {
    fn drop(&mut self) {
        LEFT.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Registry {
    watching: bool,
    next: u64,
    actions: Vec<(u64, Box<dyn FnOnce() + Send>)>,
}

impl Registry {
    fn watch(&mut self) -> Result<(), IoError> {
        if !self.watching {
            watch().map_err(|source| IoError::Signals { source })?;
            self.watching = true;
        }
        Ok(())
    }

    fn register(&mut self, action: impl FnOnce() + Send + 'static) -> CleanUp {
        let id = self.next;
        self.next += 1;
        self.actions.push((id, Box::new(action)));
        CleanUp { id }
    }
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    watching: false,
    next: 0,
    actions: Vec::new(),
});

/// How many commands the interrupts are left to.
static LEFT: AtomicUsize = AtomicUsize::new(0);

/// Whether all signals are left to a command.
static ALL_LEFT: AtomicBool = AtomicBool::new(false);

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs all clean-ups and ends the process as `signal` would have.
fn die_of(signal: i32) {
    let _whole = WHOLE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut registry = registry();
    while let Some((_, action)) = registry.actions.pop() {
        catch_unwind(AssertUnwindSafe(action)).ok();
    }
    // still under the lock, see CleanUp::drop
    signal_hook::low_level::emulate_default_handler(signal).ok();
    signal_hook::low_level::exit(128 + signal);
}

fn is_left(signal: i32) -> bool {
    let from_terminal = signal == signal_hook::consts::SIGINT || signal == QUIT;
    ALL_LEFT.load(Ordering::SeqCst) || (from_terminal && LEFT.load(Ordering::SeqCst) > 0)
}

#[cfg(unix)]
const QUIT: i32 = signal_hook::consts::SIGQUIT;
#[cfg(not(unix))]
const QUIT: i32 = signal_hook::consts::SIGTERM;

#[cfg(unix)]
fn watch() -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};

    // A file that grows beyond the limit of `ulimit -f` is an error of the write then, as on a full
    // disk, and not the end of the process with its clean-ups undone. Handled, not ignored: what is
    // ignored would stay so in the programs that mvx starts.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    let ignored = ignored_signals();
    // what `nohup` or a shell's `&` made us ignore stays ignored
    let watched = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
        .into_iter()
        .filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = signal_hook::iterator::Signals::new(watched)?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            loop {
                let pending: Vec<i32> = signals.wait().filter(|one| !is_left(*one)).collect();
                // A question whose reading is interrupted, by whatever signal, raises SIGINT: what
                // came first counts.
                let first = pending.iter().find(|signal| **signal != SIGINT);
                if let Some(signal) = first.or(pending.first()) {
                    die_of(*signal);
                }
            }
        })?;
    Ok(())
}

/// The signals that are ignored, as bits from signal 1 on; Linux tells (`proc_pid_status(5)`).
#[cfg(unix)]
pub(crate) fn ignored_signals() -> u64 {
    if !cfg!(target_os = "linux") {
        return 0;
    }
    crate::io::file::read_text(std::path::Path::new("/proc/self/status"), 1 << 16)
        .ok()
        .and_then(|status| {
            let mask = status
                .lines()
                .find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        .unwrap_or(0)
}

#[cfg(not(unix))]
fn watch() -> std::io::Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let raised = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal, Arc::clone(&raised))?;
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                loop {
                    thread::sleep(Duration::from_millis(50));
                    if raised.swap(false, Ordering::SeqCst) && !is_left(signal) {
                        die_of(signal);
                    }
                }
            })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_clean_up_is_gone_and_does_not_run() {
        let first = before_death(|| panic!("must not run")).unwrap();
        let second = before_death(|| panic!("must not run")).unwrap();
        let ids = |registry: MutexGuard<'_, Registry>| -> Vec<u64> {
            registry.actions.iter().map(|(id, _)| *id).collect()
        };
        assert!(ids(registry()).contains(&first.id));
        let (gone, stays) = (first.id, second.id);
        drop(first);
        let left = ids(registry());
        assert!(!left.contains(&gone) && left.contains(&stays));
        drop(second);
    }

    #[test]
    fn what_did_not_start_is_not_ended() {
        let failed = start_and_end(
            || Err::<(), _>(IoError::NotFound { path: "x".into() }),
            |()| || panic!("must not run"),
        );
        assert!(failed.is_err());
        let (started, clean_up) = start_and_end(|| Ok(7), |_| || ()).unwrap();
        assert_eq!(started, 7);
        let id = clean_up.id;
        assert!(registry().actions.iter().any(|(it, _)| *it == id));
        drop(clean_up);
        assert!(!registry().actions.iter().any(|(it, _)| *it == id));
    }

    #[test]
    fn interrupts_are_left_only_while_the_guard_lives() {
        let interrupt = signal_hook::consts::SIGINT;
        assert!(!is_left(interrupt));
        let guard = leave_interrupts();
        assert!(is_left(interrupt));
        assert!(!is_left(signal_hook::consts::SIGTERM) || cfg!(not(unix)));
        drop(guard);
        assert!(!is_left(interrupt));
    }
}
