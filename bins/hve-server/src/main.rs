//! hve-server.

fn main() {}
