//! Examples of embedding, and what they share.

pub mod client;
pub mod question;
