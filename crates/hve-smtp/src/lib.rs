//! Sans-IO SMTP submission: bytes in, steps and questions out.
