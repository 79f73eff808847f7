//! `mvx help exit-codes`.

use serde::Serialize;

use super::ui::{Table, Ui};
use crate::error::{Exit, Failure};

#[derive(Serialize)]
struct Code {
    exit: u8,
    meaning: &'static str,
}

/// Prints every exit code with its meaning.
pub(super) fn print(ui: &Ui) -> Result<(), Failure> {
    if ui.is_json() {
        let codes: Vec<Code> = Exit::ALL
            .iter()
            .map(|(exit, meaning)| Code {
                exit: exit.code(),
                meaning,
            })
            .collect();
        return ui.json(&serde_json::json!({ "exit_codes": codes }));
    }
    let mut table = Table::new(["EXIT", "MEANING"]);
    for (exit, meaning) in Exit::ALL {
        table.row([exit.code().to_string().as_str(), meaning]);
    }
    ui.table(&table)
}
