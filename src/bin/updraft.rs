//! The vendor's program: publish, serve, demo.
fn main() {}
