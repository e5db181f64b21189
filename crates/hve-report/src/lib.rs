//! Usage events into reports: tables, CSV and JSON.
