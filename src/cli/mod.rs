//! The command lines of the programs. The only room that prints and chooses exit codes.

pub mod updraft;
