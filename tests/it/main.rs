//! The promises of the product, end to end.
mod support;
#[cfg(feature = "gui")]
mod window;
