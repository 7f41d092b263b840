//! Windows on Unix.

use eframe::UserEvent;
use winit::error::EventLoopError;
use winit::event_loop::EventLoop;
#[cfg(target_os = "linux")]
use winit::event_loop::EventLoopBuilder;

/// Shows a message in the system's own way, where it has one that needs no window of ours. There is none on Unix.
pub fn message(_title: &str, _text: &str) {}

/// The loop of events of the program's windows, which connects to the display. Once in a process.
///
/// # Errors
/// If there is no display.
pub fn event_loop() -> Result<EventLoop<UserEvent>, EventLoopError> {
    let mut builder = EventLoop::with_user_event();
    #[cfg(target_os = "linux")]
    {
        choose_frame(&mut builder);
        super::compose::with_dead_keys(|| builder.build())
    }
    #[cfg(not(target_os = "linux"))]
    builder.build()
}

/// Chooses who draws the frame around our window. A Wayland desktop may leave that to the program, which would
/// cost a drawing library of its own; through X11, where that is there too, the desktop always does it.
#[cfg(target_os = "linux")]
fn choose_frame(builder: &mut EventLoopBuilder<UserEvent>) {
    if std::env::var_os("DISPLAY").is_some_and(|display| !display.is_empty()) {
        winit::platform::x11::EventLoopBuilderExtX11::with_x11(builder);
    }
}

/// Lets the window of another process take the focus. On Unix the window manager decides.
pub fn let_take_focus(_pid: u32) {}
