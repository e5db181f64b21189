//! On what a figure was measured.

use std::{fs, path::Path, thread};

/// The machine in one line: processor, cores, kernel, and the file system of the data.
#[must_use]
pub fn describe(data: &Path) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name);
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let files = file_system(data);
    format!(
        "{model}, {cores} cores, Linux {}, {files}",
        kernel.trim_end()
    )
}

/// The type of file system under a path, as the mount table names it.
#[must_use]
pub fn file_system(path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(at, _)| path.starts_with(at))
        .max_by_key(|(at, _)| at.len())
        .map_or_else(|| "unknown file system".into(), |(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_table_is_read() {
        assert_eq!(file_system(Path::new("/proc/self")), "proc");
        assert!(describe(Path::new("/proc")).ends_with(", proc"));
    }
}
