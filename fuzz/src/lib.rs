//! What must hold for any bytes whatsoever, one function a fuzz target. The tests of the package
//! run the same functions over the seeds and over everything that was ever found.

pub mod envelope;
pub mod gaps;
pub mod import;
pub mod metadata;
pub mod rules;
pub mod scan;
pub mod seal;
pub mod text;

mod files;

/// What a fuzz target does with its input. It panics where something does not hold.
pub type Target = fn(&[u8]);

/// Every target by name: that of its directories under `seeds/` and `fixtures/regressions/`.
pub const TARGETS: [(&str, Target); 11] = [
    ("envelope", envelope::check),
    ("yaml", text::yaml),
    ("json", text::json),
    ("dotenv", text::dotenv),
    ("ini", text::ini),
    ("metadata", metadata::check),
    ("rules", rules::check),
    ("seal", seal::check),
    ("import", import::check),
    ("scan", scan::check),
    ("gitleaks", scan::gitleaks),
];
