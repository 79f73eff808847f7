//! Access that has ended: a file still opens with the key, and its values are no longer delivered.

use std::path::Path;

use crate::app::App;
use crate::app::load::Sealed;
use crate::app::people::today;
use crate::app::recipients::{is_same_key, name};
use crate::error::{Exit, Failure};
use crate::keys::KeyProvider as _;
use crate::rules::RecipientSpec;

impl App<'_> {
    /// Refuses a file that was opened as somebody whose access is over, unless this machine is
    /// somebody else, too, who may open it. `opened_by` are the recipients whose entries opened it.
    pub(super) fn access_is_not_over(
        &self,
        sealed: &Sealed,
        opened_by: &[String],
    ) -> Result<(), Failure> {
        // Without rules nobody's access ends.
        let Ok(rules) = self.rules_at(Path::new(&sealed.name)) else {
            return Ok(());
        };
        let today = today();
        let over = |recipient: &str| -> Option<&RecipientSpec> {
            let mut register = rules.recipients().iter();
            register.find(|spec| {
                spec.expires.is_some_and(|last| last < today) && is_same_key(&spec.value, recipient)
            })
        };
        let Some(spec) = opened_by.iter().find_map(|recipient| over(recipient)) else {
            return Ok(());
        };
        let groups = sealed.metadata.groups()?;
        let wrapped_for = |own: &str| {
            let mut entries = groups.iter().flatten();
            entries.any(|entry| is_same_key(&entry.recipient(), own))
        };
        let held = self.identities().report().held;
        let own = held.iter().filter_map(|held| held.recipient.as_deref());
        if own.filter(|own| over(own).is_none()).any(wrapped_for) {
            return Ok(());
        }
        let message = match spec.expires {
            Some(last) => format!("the access of `{}` ended on {last}", name(spec)),
            None => format!("the access of `{}` has ended", name(spec)),
        };
        Err(Failure::new(Exit::NO_IDENTITY, "access-expired", message)
            .at(&sealed.name)
            .hint("whoever answers for the rules sets another `expires` there, after a look at whether it should go on"))
    }
}
