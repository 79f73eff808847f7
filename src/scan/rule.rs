//! What a rule is: data that can stand in a constant table, with nothing compiled.

/// How sure a finding is. Ordered: `Low < Medium < High`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// May well be something else.
    Low,
    /// Looks like a secret where secrets stand.
    Medium,
    /// Has the provider's own format.
    High,
}

impl Confidence {
    /// `low`, `medium` or `high`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
