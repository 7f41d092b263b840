//! The promises of the product, end to end.
mod support;
mod transfer;
