//! What a process uses, as `/proc` tells.

use std::{fs, time::Duration};

use crate::LoadError;

/// User and system time of a process together, in steps of a hundredth of a second.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn cpu_time(pid: u32) -> Result<Duration, LoadError> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name in parentheses, which may hold blanks; utime and stime are the
    // 14th and 15th.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    // USER_HZ is 100 on every Linux that there is.
    Ok(Duration::from_millis(ticks * 10))
}

/// Resident memory of a process in KiB: now, and at its highest.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn memory_kib(pid: u32) -> Result<(u64, u64), LoadError> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or_default()
    };
    Ok((field("VmRSS:"), field("VmHWM:")))
}

/// Lets this process, and those that it starts, open as many files as the system allows.
#[must_use]
pub fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let reached = match setrlimit(Resource::Nofile, most) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    reached.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_is_read() {
        let pid = std::process::id();
        assert!(cpu_time(pid).unwrap() < Duration::from_secs(3600));
        let (now, most) = memory_kib(pid).unwrap();
        assert!(now > 500 && most >= now, "{now} {most}");
        assert!(cpu_time(0).is_err());
    }
}
