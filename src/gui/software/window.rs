//! The system's window around the canvas: opens it, brings events to egui, shows what was painted, and sleeps
//! until something is asked of it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::UserEvent;
use eframe::egui::{self, RawInput, ViewportCommand, ViewportEvent, ViewportId, ViewportInfo};
use egui_winit::accesskit_winit::WindowEvent as AccessEvent;
use winit::application::ApplicationHandler;
use winit::event::{StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit::platform::run_on_demand::EventLoopExtRunOnDemand as _;
use winit::window::{Window, WindowId};

use super::Canvas;
use crate::gui::stage::SharedStage;

/// A hidden window is looked after no more often than this.
const HIDDEN: Duration = Duration::from_millis(100);

type Surface = softbuffer::Surface<Arc<Window>, Arc<Window>>;

/// Shows the window of `stage` until it ends.
///
/// # Errors
/// In words why it could not be shown, or was lost.
pub(in crate::gui) fn show(event_loop: &mut EventLoop<UserEvent>, stage: SharedStage) -> Result<(), String> {
    let proxy = event_loop.create_proxy();
    let mut run = Run { stage, proxy, open: None, wake: None, trouble: None };
    let ended = event_loop.run_app_on_demand(&mut run).map_err(|error| error.to_string());
    drop(run.open);
    run.trouble.map_or(ended, Err)
}

/// The loop of events.
struct Run {
    stage: SharedStage,
    proxy: EventLoopProxy<UserEvent>,
    open: Option<Open>,
    /// When the window is to be painted again.
    wake: Option<Instant>,
    trouble: Option<String>,
}

/// The window while it is open.
struct Open {
    window: Arc<Window>,
    surface: Surface,
    input: egui_winit::State,
    info: ViewportInfo,
    canvas: Canvas,
    /// Input that came while the window was hidden.
    kept: RawInput,
    painted: bool,
    /// What was painted before the window was in sight has to be shown once more.
    unseen: bool,
    hidden: bool,
}

impl Run {
    fn open(&mut self, event_loop: &ActiveEventLoop) -> Result<Open, String> {
        let ctx = self.stage.borrow_mut().context();
        let proxy = self.proxy.clone();
        ctx.set_request_repaint_callback(move |info| {
            let when = Instant::now() + info.delay;
            let cumulative_pass_nr = info.current_cumulative_pass_nr;
            // A loop that has ended paints nothing any more.
            proxy
                .send_event(UserEvent::RequestRepaint {
                    viewport_id: info.viewport_id,
                    when,
                    cumulative_pass_nr,
                })
                .ok();
        });
        let builder = self.stage.borrow().viewport().with_visible(false);
        let builder = centred(event_loop, builder);
        let window =
            egui_winit::create_window(&ctx, event_loop, &builder).map_err(|error| error.to_string())?;
        let window = Arc::new(window);
        let shown = softbuffer::Context::new(Arc::clone(&window));
        let surface = shown.and_then(|context| Surface::new(&context, Arc::clone(&window)));
        let scale = Some(egui_winit::pixels_per_point(&ctx, &window));
        let mut input =
            egui_winit::State::new(ctx.clone(), ViewportId::ROOT, &*window, scale, window.theme(), None);
        input.init_accesskit(event_loop, &window, self.proxy.clone());
        let mut info = ViewportInfo::default();
        egui_winit::update_viewport_info(&mut info, &ctx, &window, true);
        self.stage.borrow_mut().open(&ctx);
        Ok(Open {
            surface: surface.map_err(|error| error.to_string())?,
            window,
            input,
            info,
            canvas: Canvas::default(),
            kept: RawInput::default(),
            painted: false,
            unseen: false,
            hidden: false,
        })
    }

    /// Takes in what has come and, unless the window is hidden, paints it.
    fn pass(&mut self, event_loop: &ActiveEventLoop) {
        let Some(open) = &mut self.open else { return };
        let result = if open.is_unseen() {
            Ok(open.think(&self.stage, event_loop))
        } else {
            open.paint(&self.stage, event_loop)
        };
        match result {
            Ok(false) => {}
            Ok(true) => self.leave(event_loop),
            Err(reason) => {
                self.trouble = Some(reason);
                self.leave(event_loop);
            }
        }
    }

    fn leave(&mut self, event_loop: &ActiveEventLoop) {
        self.open = None;
        self.wake = None;
        event_loop.exit();
    }

    /// Asks for a pass at `when`.
    fn wake_at(&mut self, when: Instant) {
        let hidden = self.open.as_ref().is_some_and(Open::is_unseen);
        let when = if hidden { when.max(Instant::now() + HIDDEN) } else { when };
        self.wake = Some(self.wake.map_or(when, |before| before.min(when)));
    }

    fn wake_if_due(&mut self, event_loop: &ActiveEventLoop) {
        if self.wake.is_some_and(|when| when <= Instant::now()) {
            self.wake = None;
            match &self.open {
                // A hidden window is never asked to paint itself.
                Some(open) if open.is_unseen() => self.pass(event_loop),
                Some(open) => open.window.request_redraw(),
                None => {}
            }
        }
        event_loop.set_control_flow(self.wake.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }

    fn access(&mut self, event: AccessEvent) {
        let Some(open) = &mut self.open else { return };
        match event {
            AccessEvent::InitialTreeRequested => open.input.egui_ctx().enable_accesskit(),
            AccessEvent::ActionRequested(request) => open.input.on_accesskit_action_request(request),
            AccessEvent::AccessibilityDeactivated => {
                open.input.egui_ctx().disable_accesskit();
                return;
            }
        }
        self.wake_at(Instant::now());
    }
}

impl ApplicationHandler<UserEvent> for Run {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.open.is_some() {
            return;
        }
        match self.open(event_loop) {
            Ok(open) => {
                self.open = Some(open);
                // Painted before it is in sight: nobody sees an empty window.
                self.pass(event_loop);
            }
            Err(reason) => {
                self.trouble = Some(reason);
                event_loop.exit();
            }
        }
    }

    fn new_events(&mut self, event_loop: &ActiveEventLoop, _cause: StartCause) {
        self.wake_if_due(event_loop);
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, event: UserEvent) {
        match event {
            UserEvent::RequestRepaint { when, cumulative_pass_nr, .. } => {
                let now = self.open.as_ref().map_or(0, |open| open.input.egui_ctx().cumulative_pass_nr());
                // An older wish was fulfilled by a pass that came in between.
                if now <= cumulative_pass_nr + 1 {
                    self.wake_at(when);
                }
            }
            UserEvent::AccessKitActionRequest(event) => self.access(event.window_event),
        }
        self.wake_if_due(event_loop);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, window: WindowId, event: WindowEvent) {
        // The last events of a window that OpenGL could not paint come here too.
        let Some(open) = self.open.as_mut().filter(|open| open.window.id() == window) else { return };
        match &event {
            WindowEvent::RedrawRequested if open.show_again() => self.wake_at(Instant::now()),
            WindowEvent::RedrawRequested => {
                self.wake = None;
                self.pass(event_loop);
                return self.wake_if_due(event_loop);
            }
            WindowEvent::CloseRequested => {
                open.info.events.push(ViewportEvent::Close);
                self.wake_at(Instant::now());
            }
            WindowEvent::Destroyed => return self.leave(event_loop),
            WindowEvent::Occluded(occluded) => open.info.occluded = Some(*occluded),
            _ => {
                if open.input.on_window_event(&open.window, &event).repaint {
                    self.wake_at(Instant::now());
                }
            }
        }
        self.wake_if_due(event_loop);
    }
}

impl Open {
    /// Whether the system does not ask the window to paint itself.
    fn is_unseen(&self) -> bool {
        self.hidden || self.window.is_minimized() == Some(true)
    }

    fn input(&mut self) -> RawInput {
        let ctx = self.input.egui_ctx().clone();
        egui_winit::update_viewport_info(&mut self.info, &ctx, &self.window, false);
        let mut raw = std::mem::take(&mut self.kept);
        raw.append(self.input.take_egui_input(&self.window));
        raw.viewports = std::iter::once((ViewportId::ROOT, self.info.clone())).collect();
        raw
    }

    /// Takes in what has come while nothing can be seen. Returns whether the window is to end.
    fn think(&mut self, stage: &SharedStage, event_loop: &ActiveEventLoop) -> bool {
        let raw = self.input();
        let closes = raw.viewport().close_requested();
        let ctx = self.input.egui_ctx().clone();
        let mut output = ctx.run_logic(&raw, |ctx| stage.borrow_mut().logic(ctx));
        self.kept = raw;
        self.info.events.clear();
        self.input.handle_platform_output_with_event_loop(&self.window, event_loop, output.platform_output);
        let commands = output.viewport_commands.remove(&ViewportId::ROOT).unwrap_or_default();
        self.follow(&ctx, commands, closes)
    }

    /// Takes in what has come, and paints. Returns whether the window is to end.
    fn paint(&mut self, stage: &SharedStage, event_loop: &ActiveEventLoop) -> Result<bool, String> {
        let raw = self.input();
        let closes = raw.viewport().close_requested();
        let ctx = self.input.egui_ctx().clone();
        let mut output = ctx.run_ui(raw, |ui| {
            let mut stage = stage.borrow_mut();
            stage.logic(ui.ctx());
            stage.ui(ui);
        });
        self.info.events.clear();
        self.input.handle_platform_output_with_event_loop(&self.window, event_loop, output.platform_output);
        self.canvas.take_in(&mut output.textures_delta);
        let primitives = ctx.tessellate(output.shapes, output.pixels_per_point);
        let shown = self.present(&ctx, &primitives, output.pixels_per_point);
        self.canvas.forget(&mut output.textures_delta);
        shown?;
        if !self.painted {
            (self.painted, self.unseen) = (true, true);
            self.window.set_visible(true);
        }
        let commands =
            output.viewport_output.remove(&ViewportId::ROOT).map(|of| of.commands).unwrap_or_default();
        Ok(self.follow(&ctx, commands, closes))
    }

    fn present(
        &mut self,
        ctx: &egui::Context,
        primitives: &[egui::ClippedPrimitive],
        scale: f32,
    ) -> Result<(), String> {
        let size = self.window.inner_size();
        // A minimized window has no size on some systems.
        let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) else {
            return Ok(());
        };
        let lost = |error: softbuffer::SoftBufferError| error.to_string();
        self.surface.resize(width, height).map_err(lost)?;
        let mut buffer = self.surface.buffer_mut().map_err(lost)?;
        let ground = ctx.global_style().visuals.panel_fill;
        let wide = usize::try_from(width.get()).unwrap_or(usize::MAX);
        self.canvas.paint(&mut buffer, wide, ground, primitives, scale);
        // Without `pre_present_notify` a Wayland desktop goes on asking a covered window to paint, so that it hears
        // of the end of an update.
        buffer.present().map_err(lost)
    }

    /// Shows the first picture of a window that has just come in sight: some systems drop what is painted before.
    /// Nothing is laid out for that, which would take longer. Returns whether there was such a picture.
    fn show_again(&mut self) -> bool {
        std::mem::take(&mut self.unseen)
            && self.surface.buffer_mut().is_ok_and(|buffer| buffer.age() == 1 && buffer.present().is_ok())
    }

    /// Does what was asked of the window. Returns whether it is to end.
    fn follow(&mut self, ctx: &egui::Context, commands: Vec<ViewportCommand>, closes: bool) -> bool {
        let stays = commands.contains(&ViewportCommand::CancelClose);
        for command in &commands {
            if let ViewportCommand::Visible(visible) = command {
                self.hidden = !visible;
                ctx.request_repaint();
            }
        }
        // Screenshots and pasting are the only actions that could be asked for here; the window asks for none.
        let mut actions = Vec::new();
        egui_winit::process_viewport_commands(ctx, &mut self.info, commands, &self.window, &mut actions);
        if !self.info.events.is_empty() {
            // A close that was commanded is heard by the next pass.
            ctx.request_repaint();
        }
        closes && !stays
    }
}

/// Puts the window into the middle of the screen.
fn centred(event_loop: &ActiveEventLoop, builder: egui::ViewportBuilder) -> egui::ViewportBuilder {
    let monitor = event_loop.primary_monitor().or_else(|| event_loop.available_monitors().next());
    let (Some(monitor), Some(size)) = (monitor, builder.inner_size) else { return builder };
    let room = monitor.size().to_logical::<f32>(monitor.scale_factor());
    let place = [(room.width - size.x) / 2.0, (room.height - size.y) / 2.0];
    if place.iter().all(|side| *side > 0.0) { builder.with_position(place) } else { builder }
}
