//! The whole service in this process: real TLS on 127.0.0.1, real store, real Maildir.

mod black_box;
mod devices;
mod guard;
mod limits;
mod peers;
mod quota;
mod reload;
mod scram;
mod sign_in;
mod support;
mod tokens;
mod way;
mod who_exists;
