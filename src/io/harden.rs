//! What the process does for itself before it holds a secret.

/// Sees to it that no core dump of this process is written, and on Linux that no other process of
/// the same user attaches to it or reads its memory. Costs one system call.
///
/// On Linux the `dumpable` attribute is used, which a started command does not inherit: a program
/// under `mvx run` keeps its own core dumps. Elsewhere the soft limit goes to 0, which it can
/// raise again. Best effort: nothing that mvx does depends on it.
pub fn no_core_dumps() {
    #[cfg(target_os = "linux")]
    if rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .is_ok()
    {
        return;
    }
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        setrlimit(
            Resource::Core,
            Rlimit {
                current: Some(0),
                maximum,
            },
        )
        .ok();
    }
}

/// Whether the system writes no core dump of this process.
pub fn core_dumps_are_off() -> bool {
    #[cfg(target_os = "linux")]
    if let Ok(behavior) = rustix::process::dumpable_behavior() {
        return behavior == rustix::process::DumpableBehavior::NotDumpable;
    }
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        getrlimit(Resource::Core).current == Some(0)
    }
    #[cfg(not(unix))]
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn the_process_cannot_be_dumped() {
        super::no_core_dumps();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert!(super::core_dumps_are_off());
    }
}
