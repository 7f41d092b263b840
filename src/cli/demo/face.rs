//! The demonstration program's window: its version and a button.

/// Shows the window until it is closed.
#[cfg(feature = "gui")]
pub(super) fn show(version: &str) -> Result<(), String> {
    use eframe::egui;

    struct Face {
        version: String,
        said: String,
    }

    impl eframe::App for Face {
        fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
            ui.vertical_centered(|ui| {
                ui.add_space(24.0);
                ui.heading(format!("MyApp {}", self.version));
                ui.add_space(12.0);
                if ui.button("Check for updates").clicked() {
                    self.said = ask(ui.ctx());
                }
                ui.add_space(8.0);
                ui.label(&self.said);
            });
        }

        fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
            visuals.panel_fill.to_normalized_gamma_f32()
        }
    }

    fn ask(ctx: &egui::Context) -> String {
        use crate::api::{Asked, Updater};
        let updater = match Updater::beside_this_program() {
            Ok(updater) => updater,
            Err(failure) => return failure.to_string(),
        };
        match updater
            .has_new_version(Asked::ByHand)
            .and_then(|offer| offer.map(|_| updater.hand_over(Asked::ByHand)).transpose())
        {
            Ok(Some(())) => {
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
                String::new()
            }
            Ok(None) => "This is the newest version.".to_owned(),
            Err(failure) => failure.to_string(),
        }
    }

    let title = format!("MyApp {version}");
    let viewport = egui::ViewportBuilder::default().with_inner_size([320.0, 160.0]).with_title(&title);
    let options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let face = Face { version: version.to_owned(), said: String::new() };
    eframe::run_native(
        &title,
        options,
        Box::new(|created| {
            crate::gui::install_fonts(&created.egui_ctx, "en");
            Ok(Box::new(face))
        }),
    )
    .map_err(|error| error.to_string())
}

/// Without the window feature there is nothing to show.
#[cfg(not(feature = "gui"))]
pub(super) fn show(_version: &str) -> Result<(), String> {
    Ok(())
}
