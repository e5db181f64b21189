//! Listeners, TLS, session driver, committer and shutdown: the whole service in one call.
