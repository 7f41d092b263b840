//! The promises of the product, end to end.
mod support;
mod trust_attacks;
mod trust_keys;
mod trust_manifests;
mod trust_world;
