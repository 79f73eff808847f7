//! Every command, as somebody at a terminal sees it: one file a command.

mod access;
mod clean;
mod decrypt;
mod doctor;
mod edit;
mod encrypt;
mod get;
mod help;
mod import;
mod init;
mod json;
mod keys;
mod keys_rotate;
mod large;
mod ls;
mod mv;
mod not_files;
mod recipients;
mod recovery;
mod redact;
mod rekey;
mod repair;
pub(crate) mod run;
mod seal;
mod set;
mod unset;
