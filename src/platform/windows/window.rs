//! Windows on Windows.

use eframe::UserEvent;
use winit::event_loop::EventLoopBuilder;

/// Nothing to choose: the system draws the frame around our window.
pub fn choose_frame(_builder: &mut EventLoopBuilder<UserEvent>) {}
