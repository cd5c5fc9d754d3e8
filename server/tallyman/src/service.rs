//! What a service manager is told: that the server is ready, and that it stops.
//!
//! Source: sd_notify(3): one datagram of `NAME=VALUE` lines to the socket of `$NOTIFY_SOCKET`.

/// Tells `$NOTIFY_SOCKET`, where there is one. A manager that does not listen is no fault of ours.
pub(crate) fn notify(state: &str) {
    #[cfg(target_os = "linux")]
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = linux::send(&socket, state)
    {
        tracing::warn!(%error, state, "the service manager could not be told");
    }
    #[cfg(not(target_os = "linux"))]
    let _nobody = state;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    pub(super) fn send(socket: &OsStr, state: &str) -> std::io::Result<()> {
        let address = match socket.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(socket)?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_bytes| ())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_manager_hears_it_by_path_and_by_name() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("notify");
            let name = format!("tallyman-test-{}", std::process::id());
            let by_name = SocketAddr::from_abstract_name(&name).unwrap();
            let sockets = [
                (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
                (UnixDatagram::bind_addr(&by_name).unwrap(), format!("@{name}").into()),
            ];
            for (manager, socket) in sockets {
                send(&socket, "READY=1").unwrap();
                let mut heard = [0; 32];
                let n = manager.recv(&mut heard).unwrap();
                assert_eq!(&heard[..n], b"READY=1");
            }
        }
    }
}
