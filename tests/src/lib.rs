//! Tests of the whole: the real binaries, simulation, tidiness.
