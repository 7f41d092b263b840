//! The window painted by the graphics card.

use std::rc::Rc;

use eframe::UserEvent;
use eframe::egui::{Context, RawInput, Ui, Visuals};
use winit::event_loop::EventLoop;
use winit::platform::run_on_demand::EventLoopExtRunOnDemand as _;

use super::stage::SharedStage;

/// The width of the picture of all letters, and most of its height; what the painter without OpenGL has.
const LETTERS: usize = 2048;

/// Shows the window of `stage` until it ends.
///
/// # Errors
/// In words why it could not be shown, or was lost. The loop of events can be used again then.
pub(super) fn show(event_loop: &mut EventLoop<UserEvent>, stage: &SharedStage) -> Result<(), String> {
    let viewport = stage.borrow().viewport();
    let title = viewport.title.clone().unwrap_or_default();
    let options = eframe::NativeOptions {
        viewport,
        centered: true,
        system_font_fallback: false,
        ..eframe::NativeOptions::default()
    };
    let shared = Rc::clone(stage);
    let create: eframe::AppCreator<'_> = Box::new(move |created| {
        shared.borrow_mut().open(&created.egui_ctx);
        Ok(Box::new(Shell(shared)))
    });
    let mut app = eframe::create_native(&title, options, create, event_loop);
    let ended = event_loop.run_app_on_demand(&mut app);
    // Its window must be gone before another one comes.
    drop(app);
    ended.map_err(|error| error.to_string())?;
    let stage = stage.borrow();
    match (stage.is_open(), stage.may_close()) {
        (_, true) => Ok(()),
        (true, false) => Err("OpenGL was lost".to_owned()),
        (false, false) => Err("the display has no usable OpenGL".to_owned()),
    }
}

/// Fits the window into eframe's loop.
struct Shell(SharedStage);

impl eframe::App for Shell {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.0.borrow_mut().logic(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.0.borrow_mut().ui(ui);
    }

    fn raw_input_hook(&mut self, _ctx: &Context, input: &mut RawInput) {
        // The picture of all letters is as wide as may be: megabytes that nobody looks at, before the first frame.
        if let Some(side) = &mut input.max_texture_side {
            *side = LETTERS.min(*side);
        }
    }

    fn clear_color(&self, visuals: &Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
