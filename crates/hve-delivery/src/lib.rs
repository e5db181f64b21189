//! From the queue to the next hop, with retries.
