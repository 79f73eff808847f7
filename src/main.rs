//! The `mvx` binary; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    mvx::cli::main()
}
