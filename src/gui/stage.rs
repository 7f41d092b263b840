//! What stays when the way to paint changes: the window's content, and the update it belongs to.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread::JoinHandle;

use eframe::egui::{Context, Ui, ViewportBuilder};

use super::{Clock, Feed, Texts, Window, WindowSetup, fonts};

/// Begins the update.
pub(super) type Start = Box<dyn FnOnce(Feed) + Send>;

/// The stage, held by whoever paints it.
pub(super) type SharedStage = Rc<RefCell<Stage>>;

/// The window's content and its update.
pub(super) struct Stage {
    viewport: ViewportBuilder,
    setup: Option<WindowSetup>,
    ctx: Option<Context>,
    window: Option<Window>,
    /// What is to be done as soon as the window has been painted.
    start: Option<(Start, Feed)>,
    waiting: Option<Start>,
    painted: bool,
    engine: Option<JoinHandle<()>>,
}

/// A stage before its window is there.
pub(super) fn shared(setup: WindowSetup, start: Start) -> SharedStage {
    let icon = setup.icon.as_deref().and_then(|png| eframe::icon_data::from_png_bytes(png).ok());
    let viewport = ViewportBuilder::default()
        .with_title(&setup.title)
        .with_app_id(&setup.app)
        .with_inner_size([400.0, 260.0])
        .with_min_inner_size([360.0, 260.0])
        .with_maximize_button(false)
        .with_active(setup.takes_focus)
        .with_icon(icon.unwrap_or_default());
    Rc::new(RefCell::new(Stage {
        viewport,
        setup: Some(setup),
        ctx: None,
        window: None,
        start: None,
        waiting: Some(start),
        painted: false,
        engine: None,
    }))
}

impl Stage {
    /// How the window is to be.
    pub(super) fn viewport(&self) -> ViewportBuilder {
        self.viewport.clone()
    }

    /// egui's memory of the window; that of the painter before, if there was one.
    pub(super) fn context(&mut self) -> Context {
        self.ctx.get_or_insert_with(context).clone()
    }

    /// Makes the window's content, unless it is there from a painter before.
    pub(super) fn open(&mut self, ctx: &Context) {
        self.ctx = Some(ctx.clone());
        self.painted = false;
        let Some(setup) = self.setup.take() else { return };
        fonts::install_system(ctx, Texts::new(setup.language.as_deref()).language());
        let (window, feed) = Window::new(setup, ctx, Clock::system());
        self.window = Some(window);
        self.start = self.waiting.take().map(|start| (start, feed));
    }

    /// Whether the content is there.
    pub(super) fn is_open(&self) -> bool {
        self.window.is_some()
    }

    /// Whether the window ended as it should.
    pub(super) fn may_close(&self) -> bool {
        self.window.as_ref().is_some_and(Window::may_close)
    }

    /// Takes in what has come; begins the update once the window has been painted.
    pub(super) fn logic(&mut self, ctx: &Context) {
        if self.painted
            && let Some((start, feed)) = self.start.take()
        {
            let begun = std::thread::Builder::new().name("update".to_owned()).spawn(move || start(feed));
            // Without a thread the feed is gone, and with it the window.
            self.engine =
                begun.inspect_err(|error| tracing::error!("the system gives no thread: {error}")).ok();
        }
        if let Some(window) = &mut self.window {
            window.logic(ctx);
        }
    }

    /// Lays out what is to be painted.
    pub(super) fn ui(&mut self, ui: &mut Ui) {
        if let Some(window) = &mut self.window {
            window.ui(ui);
        }
        if !self.painted {
            self.painted = true;
            ui.ctx().request_repaint();
        }
    }

    /// Lets the window go; returns the thread of the update, if it was begun.
    pub(super) fn clear(&mut self) -> Option<JoinHandle<()>> {
        self.start = None;
        self.window = None;
        self.engine.take()
    }
}

fn context() -> Context {
    let ctx = Context::default();
    ctx.set_embed_viewports(false);
    if let Some(two) = std::num::NonZeroUsize::new(2) {
        ctx.options_mut(|options| options.max_passes = two);
    }
    ctx
}
