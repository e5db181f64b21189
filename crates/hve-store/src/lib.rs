//! Directory, queue, usage and audit, kept durably: one commit a batch.
