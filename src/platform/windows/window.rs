//! Windows on Windows.
#![expect(unsafe_code, reason = "the system's interface is C")]

use eframe::UserEvent;
use windows_sys::Win32::UI::WindowsAndMessaging::AllowSetForegroundWindow;
use winit::event_loop::EventLoopBuilder;

/// Nothing to choose: the system draws the frame around our window.
pub fn choose_frame(_builder: &mut EventLoopBuilder<UserEvent>) {}

/// Lets the window of another process take the focus, as far as we have that right ourselves.
pub fn let_take_focus(pid: u32) {
    // SAFETY: a number goes in and a truth value comes out. Without the right nothing happens.
    unsafe { AllowSetForegroundWindow(pid) };
}
