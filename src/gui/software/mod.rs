//! The window without a graphics card: what egui wants painted is painted here, pixel by pixel, into memory that
//! the system shows. The pictures of the tests are painted by the same code.

mod canvas;
mod edges;
mod window;

pub use canvas::Canvas;

pub(super) use window::show;
