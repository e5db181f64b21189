//! The bound on open files: each session is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit on open files to the hard one: distributions set the former to 1,024 for
/// the sake of old programs. For the start of a process.
pub fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without it there are fewer sessions, and accepting says so in the log.
    let _ = setrlimit(Resource::Nofile, limit);
}
