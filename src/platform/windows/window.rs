//! Windows on Windows.
#![expect(unsafe_code, reason = "the system's interface is C")]

use eframe::UserEvent;
use windows_sys::Win32::UI::WindowsAndMessaging::{
    AllowSetForegroundWindow, MB_ICONWARNING, MB_OK, MB_SETFOREGROUND, MessageBoxW,
};
use winit::error::EventLoopError;
use winit::event_loop::EventLoop;

/// The loop of events of the program's windows. Once in a process.
///
/// # Errors
/// If there is no display.
pub fn event_loop() -> Result<EventLoop<UserEvent>, EventLoopError> {
    EventLoop::with_user_event().build()
}

/// Lets the window of another process take the focus, as far as we have that right ourselves.
pub fn let_take_focus(pid: u32) {
    // SAFETY: a number goes in and a truth value comes out. Without the right nothing happens.
    unsafe { AllowSetForegroundWindow(pid) };
}

/// Shows a message in the system's own way, and returns when it has been read. Does nothing where nobody is
/// logged in.
pub fn message(title: &str, text: &str) {
    let wide = |text: &str| text.encode_utf16().chain(std::iter::once(0)).collect::<Vec<u16>>();
    let (title, text) = (wide(title), wide(text));
    let look = MB_OK | MB_ICONWARNING | MB_SETFOREGROUND;
    // SAFETY: both texts end with a zero and live over the call; the message belongs to no window.
    unsafe { MessageBoxW(std::ptr::null_mut(), text.as_ptr(), title.as_ptr(), look) };
}
