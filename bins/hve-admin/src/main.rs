//! hve-admin.

fn main() {}
