//! Sender rules, recipient rules, rolling quota and rates; every decision is data.
