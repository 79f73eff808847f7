//! Who runs this process, and where. What the environment says of it is said by the user.

/// The user's number.
#[cfg(unix)]
pub fn user_id() -> Option<u32> {
    Some(rustix::process::getuid().as_raw())
}

/// The user's number: there is none here.
#[cfg(not(unix))]
pub fn user_id() -> Option<u32> {
    None
}

/// The machine's name.
#[cfg(unix)]
pub fn host() -> Option<String> {
    let name = rustix::system::uname();
    Some(name.nodename().to_string_lossy().into_owned())
}

/// The machine's name: not told here.
#[cfg(not(unix))]
pub fn host() -> Option<String> {
    None
}
