//! Is this credential good, and may it be used.
