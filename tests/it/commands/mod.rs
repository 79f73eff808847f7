//! Every command, as somebody at a terminal sees it: one file a command.

mod access;
mod decrypt;
mod edit;
mod encrypt;
mod get;
mod help;
mod init;
mod json;
mod keys;
mod keys_rotate;
mod ls;
mod mv;
mod recipients;
mod rekey;
mod repair;
mod seal;
mod set;
mod unset;
