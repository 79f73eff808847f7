//! The system's log: a datagram to its local socket.

use std::path::Path;

use crate::io::IoError;

/// Where the socket is.
#[cfg(target_os = "macos")]
pub const SOCKET: &str = "/var/run/syslog";
/// Where the socket is.
#[cfg(not(target_os = "macos"))]
pub const SOCKET: &str = "/dev/log";

/// Facility 10 (security and authorisation, private), severity 6 (informational): RFC 5424, 6.2.1.
const PRIORITY: u8 = 10 * 8 + 6;

/// Sends one line to the socket at `path`, as local programs do: priority, name and process, and
/// the text. The daemon adds time and host.
#[cfg(unix)]
pub fn send(path: &Path, text: &str) -> Result<(), IoError> {
    use std::os::unix::net::UnixDatagram;

    let failed = |source| IoError::write(path, source);
    let socket = UnixDatagram::unbound().map_err(failed)?;
    // A daemon that does not read is not waited for.
    socket.set_nonblocking(true).map_err(failed)?;
    let message = format!("<{PRIORITY}>mvx[{}]: {text}", std::process::id());
    let sent = socket.send_to(message.as_bytes(), path).map_err(failed)?;
    if sent < message.len() {
        return Err(failed(std::io::ErrorKind::WriteZero.into()));
    }
    Ok(())
}

/// Sends one line to the system's log: here there is none.
#[cfg(not(unix))]
pub fn send(path: &Path, _text: &str) -> Result<(), IoError> {
    Err(IoError::write(path, std::io::ErrorKind::Unsupported.into()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn a_line_arrives_with_its_priority() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        assert!(send(&path, "nobody listens").is_err());
        let socket = UnixDatagram::bind(&path).unwrap();
        send(&path, "{\"command\":\"get\"}").unwrap();
        let mut buffer = [0; 200];
        let length = socket.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert_eq!(
            text,
            format!("<86>mvx[{}]: {{\"command\":\"get\"}}", std::process::id())
        );
    }
}
