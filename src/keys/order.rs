//! In which order the entries of a file are tried.

use crate::keys::Kind;

/// In which order the entries of a file are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// All with what takes the least effort, before any is tried with more: local keys before the
    /// network, nobody is asked while something else opens the file. Within one effort the entries
    /// keep their order (sops's: age, pgp, then the others), but one that names an identity of this
    /// machine comes first.
    #[default]
    Cheapest,
    /// Those of the first kind with every effort, then those of the second, then all others. It is
    /// how sops does it where it is told an order.
    Kinds(Vec<Kind>),
}

impl Order {
    /// The names of the kinds, as sops spells them.
    pub const KINDS: [&str; 7] = [
        "age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms",
    ];

    /// Reads `kms,age`: the names of the metadata's fields, as sops spells them, or those of the
    /// rules. `None` for a name that is none.
    pub fn parse(text: &str) -> Option<Self> {
        let kinds = text.split(',').map(|name| match name.trim() {
            "aws_kms" => Some(Kind::AwsKms),
            "vault" => Some(Kind::Vault),
            name => match Kind::of_field(name) {
                Kind::Unknown(_) => None,
                kind => Some(kind),
            },
        });
        kinds.collect::<Option<Vec<_>>>().map(Self::Kinds)
    }

    /// What is tried one after another: for each step, the kinds that take part.
    pub(super) fn steps(&self) -> Vec<Step<'_>> {
        match self {
            Self::Cheapest => vec![Step::Others(&[])],
            Self::Kinds(kinds) => {
                let named = kinds.iter().map(Step::One);
                named.chain([Step::Others(kinds)]).collect()
            }
        }
    }
}

/// The kinds that take part in a step.
#[derive(Clone, Copy)]
pub(super) enum Step<'o> {
    One(&'o Kind),
    Others(&'o [Kind]),
}

impl Step<'_> {
    pub(super) fn takes(self, kind: &Kind) -> bool {
        match self {
            Self::One(one) => one == kind,
            Self::Others(named) => !named.contains(kind),
        }
    }
}
