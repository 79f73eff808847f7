//! What every key provider must do, whatever its kind: each provider's tests call
//! [`check`] with a key of its own.

use crate::error::{Exit, Explain};
use crate::keys::{Effort, KeyProvider, Target, Unwrapped, WrapError, Wrapped};

/// A provider with what it takes to try it.
pub(crate) struct Case<'a> {
    /// The provider under test.
    pub(crate) provider: &'a dyn KeyProvider,
    /// A recipient whose identity the provider holds.
    pub(crate) mine: Target,
    /// A recipient whose identity it does not hold, and an entry for it.
    pub(crate) strange: Wrapped,
    /// Whether a strange entry is told from one's own without trying it. Where a service decides,
    /// it is "mine, and it failed".
    pub(crate) knows_its_own: bool,
    /// Text that is no recipient.
    pub(crate) invalid: &'a str,
    /// The effort that opening takes.
    pub(crate) effort: Effort,
}

/// Runs the whole contract.
pub(crate) fn check(case: &Case<'_>) {
    opens_what_it_wrapped_with_the_effort_it_takes(case);
    wraps_afresh_each_time(case);
    leaves_alone_what_is_not_its_own(case);
    is_not_misled_by_the_recipients_text(case);
    never_opens_a_damaged_entry(case);
    refuses_what_is_no_recipient(case);
}

/// Tries all efforts; the answer, and the effort it took.
fn climb(case: &Case<'_>, entry: &Wrapped) -> (Option<Effort>, Unwrapped) {
    for effort in Effort::ALL {
        match case.provider.unwrap(entry, effort) {
            Unwrapped::NotMine => {}
            answer => return (Some(effort), answer),
        }
    }
    (None, Unwrapped::NotMine)
}

fn wrap(case: &Case<'_>, key: &[u8]) -> Result<Wrapped, WrapError> {
    case.provider.wrap(&case.mine, key)
}

fn opens_what_it_wrapped_with_the_effort_it_takes(case: &Case<'_>) {
    // a data key, and a share of one
    for length in [32, 33] {
        let key: Vec<u8> = (1..=length).collect();
        let entry = wrap(case, &key).unwrap();
        assert_eq!(entry.kind, case.provider.kind());
        let (effort, answer) = climb(case, &entry);
        let Unwrapped::Opened(opened) = answer else {
            panic!("it does not open what it wrapped");
        };
        assert_eq!(*opened, key);
        assert_eq!(effort, Some(case.effort));
        if case.knows_its_own {
            assert_eq!(case.provider.expects(&[&entry], case.effort), Some(0));
        }
    }
}

fn wraps_afresh_each_time(case: &Case<'_>) {
    let enc = || wrap(case, &[7; 32]).unwrap().enc;
    assert_ne!(enc(), enc());
}

fn leaves_alone_what_is_not_its_own(case: &Case<'_>) {
    let entry = &case.strange;
    assert_eq!(case.provider.expects(&[entry], case.effort), None);
    let (effort, answer) = climb(case, entry);
    if case.knows_its_own {
        assert!(matches!((effort, answer), (None, Unwrapped::NotMine)));
    } else {
        assert!(matches!(answer, Unwrapped::NotMine | Unwrapped::Failed(_)));
    }
}

fn is_not_misled_by_the_recipients_text(case: &Case<'_>) {
    let entry = case.mine.wrapped(case.strange.enc.clone());
    let (_, answer) = climb(case, &entry);
    assert!(!matches!(answer, Unwrapped::Opened(_)));
}

fn never_opens_a_damaged_entry(case: &Case<'_>) {
    let sound = wrap(case, &[7; 32]).unwrap();
    let enc = sound.enc.clone();
    let mut damaged = vec![String::new(), "neither age nor anything".to_owned()];
    damaged.push(enc.chars().take(enc.chars().count() / 2).collect());
    // one character after another, swapped for its neighbour in the alphabet
    for (at, byte) in enc.bytes().enumerate().step_by(5) {
        let swapped = match byte {
            b'A'..=b'Y' | b'a'..=b'y' => byte + 1,
            _ => continue,
        };
        let mut text = enc.clone().into_bytes();
        text[at] = swapped;
        damaged.push(String::from_utf8(text).unwrap());
    }
    for enc in damaged {
        let entry = Wrapped {
            enc: enc.clone(),
            ..sound.clone()
        };
        let (_, answer) = climb(case, &entry);
        match answer {
            Unwrapped::Opened(_) => panic!("a damaged entry opens:\n{enc}"),
            Unwrapped::Failed(error) => assert!(!error.to_string().is_empty()),
            Unwrapped::NotMine => {}
        }
    }
}

fn refuses_what_is_no_recipient(case: &Case<'_>) {
    for invalid in ["", case.invalid] {
        let target = Target {
            recipient: invalid.to_owned(),
            ..case.mine.clone()
        };
        let error = case.provider.wrap(&target, &[7; 32]).unwrap_err();
        assert_eq!(error.exit(), Exit::RULES);
        assert!(!error.to_string().is_empty());
    }
}
