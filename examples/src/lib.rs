//! Examples of embedding.
