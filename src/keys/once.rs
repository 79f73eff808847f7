//! What is found out once a run, however many files and threads ask for it: tokens, versions.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use crate::keys::remote::Refusal;

/// Values by name, each made by whoever asks first; those who ask meanwhile wait for it. A failure
/// is remembered as well: what one file could not get, a hundred others need not ask for.
pub(super) struct Once<T, N = String>(Mutex<HashMap<N, Place<T>>>);

type Place<T> = Arc<Mutex<Option<Result<T, Refusal>>>>;

impl<T, N> Default for Once<T, N> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone, N: Eq + Hash> Once<T, N> {
    /// The value as it is remembered, else as `make` finds it.
    pub(super) fn value<Q>(
        &self,
        name: &Q,
        make: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Refusal>
    where
        N: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = N> + ?Sized,
    {
        let place = self.place(name);
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert_with(make).clone()
    }

    /// Forgets a value that is of no use any more, unless another one has taken its place.
    pub(super) fn forget<Q>(&self, name: &Q, is_old: impl FnOnce(&T) -> bool)
    where
        N: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = N> + ?Sized,
    {
        let place = self.place(name);
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*place, Some(Ok(value)) if is_old(value)) {
            *place = None;
        }
    }

    fn place<Q>(&self, name: &Q) -> Place<T>
    where
        N: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = N> + ?Sized,
    {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match places.get(name) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(places.entry(name.to_owned()).or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::remote::Reason;

    #[test]
    fn a_value_and_a_failure_are_made_once() {
        let once = Once::default();
        assert_eq!(once.value("a", || Ok(1)), Ok(1));
        assert_eq!(once.value("a", || Ok(2)), Ok(1));
        let refusal = Refusal::new(Reason::Denied, "no");
        assert_eq!(
            once.value("b", || Err(refusal.clone())),
            Err(refusal.clone())
        );
        assert_eq!(once.value("b", || Ok(3)), Err(refusal));
    }

    #[test]
    fn only_what_is_old_is_forgotten() {
        let once = Once::default();
        assert_eq!(once.value("a", || Ok(1)), Ok(1));
        once.forget("a", |value| *value == 7);
        assert_eq!(once.value("a", || Ok(2)), Ok(1));
        once.forget("a", |value| *value == 1);
        assert_eq!(once.value("a", || Ok(2)), Ok(2));
    }
}
