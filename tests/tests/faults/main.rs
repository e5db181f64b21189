//! The real server, and the world breaking around it: kills, full disks, broken stores, races.

#![expect(
    clippy::as_conversions,
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

mod disk;
mod drain;
mod kill;
mod race;
mod stores;
mod syncs;
