//! Staying beside a command: its output is changed, its files are kept, it is restarted.

use std::sync::Arc;
use std::time::Duration;

use super::{Prepared, Said, environment};
use crate::app::{App, redact};
use crate::error::{Exit, Failure};
use crate::io::forward::{Ending, Forward, Reach, Running};
use crate::io::stamps::Stamps;
use crate::io::start::{Start, Streams};

/// Looks at files a second: three.
const LOOK_EVERY: Duration = Duration::from_millis(333);

/// How long a command may take to end before it is made to.
const GRACE: Duration = Duration::from_secs(10);

#[cfg(unix)]
impl Prepared<'_, '_> {
    /// Runs the command to its end, as often as it is restarted.
    pub(super) fn stay(mut self, say: impl Fn(&App<'_>, Said<'_>)) -> Result<Ending, Failure> {
        use crate::io::guard::{Guard, Task};
        use crate::io::outputs::{Follow, Outputs};
        use crate::io::terminal;
        use crate::redact::Filter;

        let mut follow: Follow = Box::new(|_| {});
        let mut outputs = None;
        let mut terminal_guard = None;
        if let Some(patterns) = &self.patterns {
            if terminal::is_stdout() && terminal::is_stdin() {
                let terminal = true;
                terminal_guard = Some(Guard::start(&Task {
                    terminal,
                    directory: None,
                })?);
            }
            let filter = || redact::Stream(Filter::new(Arc::clone(patterns)));
            let (opened, follows) = Outputs::open(filter)?;
            follow = follows;
            outputs = Some(opened);
        }
        let leads = outputs.as_ref().is_some_and(Outputs::has_terminal);
        let reach = if leads || self.plan.watch {
            Reach::Group
        } else {
            Reach::Command
        };
        let forward = Forward::start(follow)?;
        if leads {
            self.lead()?;
        }
        let streams = |outputs: &Option<Outputs<redact::Stream>>| -> Result<Streams, Failure> {
            let mut streams = match outputs {
                Some(outputs) => outputs.streams()?,
                None => Streams::default(),
            };
            streams.own_group = reach == Reach::Group && !leads;
            // in the background, reading from the terminal would stop it
            if streams.own_group && terminal::is_stdin() {
                streams.stdin = Some(std::process::Stdio::null());
            }
            Ok(streams)
        };
        let spawn = |this: &Self, streams| {
            let running = forward.spawn(&this.start, streams, reach);
            running.map_err(|error| this.not_started(error))
        };
        let mut running = spawn(&self, streams(&outputs)?)?;
        if !self.plan.watch {
            // wiped here: the command has them
            self.start = Start::new("", Vec::new());
            self.seen.clear();
        }
        let ending = loop {
            if !self.plan.watch {
                break running.ended(None)?;
            }
            if let Some(ending) = self.await_change(&running, &say)? {
                break Some(ending);
            }
            // what was asked of the old one before, it has heeded or not
            forward.asked_to_end();
            running.stop(GRACE)?;
            if let Some(signal) = forward.asked_to_end() {
                break Some(Ending::Signal(signal));
            }
            if let (Some(outputs), Some(patterns)) = (&outputs, &self.patterns) {
                outputs.alter(|stream| stream.0.renew(Arc::clone(patterns)));
            }
            if leads {
                self.lead()?;
            }
            say(self.app, Said::Restarted);
            running = spawn(&self, streams(&outputs)?)?;
        };
        if let Some(outputs) = outputs {
            outputs.finish()?;
        }
        drop(terminal_guard);
        if let Some(files) = self.files.take() {
            files.close()?;
        }
        // a wait without an end gives one
        Ok(ending.unwrap_or(Ending::Status(i32::from(Exit::BUG.code()))))
    }

    /// The command leads a session of its own.
    fn lead(&mut self) -> Result<(), Failure> {
        let start = std::mem::replace(&mut self.start, Start::new("", Vec::new()));
        self.start = crate::io::pty::Pty::lead(start)?;
        Ok(())
    }
}

#[cfg(not(unix))]
impl Prepared<'_, '_> {
    /// Runs the command to its end.
    pub(super) fn stay(mut self, _say: impl Fn(&App<'_>, Said<'_>)) -> Result<Ending, Failure> {
        if self.plan.redact || self.plan.watch {
            return Err(Failure::new(
                Exit::USAGE,
                "not-on-windows",
                "`--redact` and `--watch` need a Unix system",
            )
            .hint("`mvx redact` masks what another command prints into it"));
        }
        let forward = Forward::start(|_| {})?;
        let running = forward.spawn(&self.start, Streams::default(), Reach::Command);
        let running: Running = running.map_err(|error| self.not_started(error))?;
        let ending = running.ended(None)?;
        if let Some(files) = self.files.take() {
            files.close()?;
        }
        Ok(ending.unwrap_or(Ending::Status(i32::from(Exit::BUG.code()))))
    }
}

impl Prepared<'_, '_> {
    /// Waits until the command ends, or what it gets has changed: then everything is ready for the
    /// next one, and nothing is returned.
    fn await_change(
        &mut self,
        running: &Running,
        say: &impl Fn(&App<'_>, Said<'_>),
    ) -> Result<Option<Ending>, Failure> {
        let mut known = Stamps::of(&self.watched);
        loop {
            if let Some(ending) = running.ended(Some(LOOK_EVERY))? {
                return Ok(Some(ending));
            }
            let mut now = Stamps::of(&self.watched);
            if now == known {
                continue;
            }
            // whoever writes may write more: until nothing has changed for a while
            loop {
                known = now;
                if let Some(ending) = running.ended(Some(LOOK_EVERY))? {
                    return Ok(Some(ending));
                }
                now = Stamps::of(&self.watched);
                if now == known {
                    break;
                }
            }
            match self.renew() {
                Ok(true) => return Ok(None),
                Ok(false) => {}
                Err(failure) => say(self.app, Said::Kept(&failure)),
            }
        }
    }

    /// Opens everything again; whether anything is different. Where that fails nothing is.
    fn renew(&mut self) -> Result<bool, Failure> {
        self.app.rules.forget();
        let delivery = self.app.deliver(&self.plan.request)?;
        environment::check(&delivery, &self.plan)?;
        let delivered = environment::copy(&delivery);
        self.watched = self.app.watched(&delivery);
        if delivered
            .iter()
            .map(|(name, value)| (name, value.as_bytes()))
            .eq(self
                .delivered
                .iter()
                .map(|(name, value)| (name, value.as_bytes())))
        {
            return Ok(false);
        }
        if self.plan.redact {
            // what was delivered before may still be printed
            let mut secrets = redact::secrets(&delivery);
            let seen = std::mem::take(&mut self.seen);
            secrets.extend(seen.into_iter().map(|value| (String::new(), value)));
            self.patterns = Some(redact::patterns(&secrets)?);
            self.seen = secrets.into_iter().map(|(_, value)| value).collect();
        }
        if let Some(files) = &self.files {
            files.write(&self.plan, &delivery)?;
        }
        self.delivered = delivered;
        (self.start, self.sizes) = environment::start(&self.plan, delivery, self.files.as_ref());
        Ok(true)
    }
}
