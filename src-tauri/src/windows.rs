//! Windows: opening them where they were, closing them without losing a word, and bringing a crashed page back.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tauri::{
    AppHandle, LogicalSize, Manager, PhysicalPosition, PhysicalSize, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
    Window, WindowEvent as Happened, webview::NewWindowResponse,
};

use crate::{
    app::App,
    settings::Frame,
    view::{ShellEvent, Theme},
};

/// The label of the first window.
pub const FIRST: &str = "main";
const SIZE: LogicalSize<f64> = LogicalSize::new(1280.0, 820.0);
const SMALLEST: LogicalSize<f64> = LogicalSize::new(720.0, 480.0);
/// How long a window has to answer before it is taken to be stuck.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which windows have answered that they are about to close.
#[derive(Default)]
pub struct Closing(Mutex<HashSet<String>>);

impl Closing {
    /// The window has answered.
    pub fn heard(&self, window: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(window.to_owned());
    }

    fn forget(&self, window: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(window);
    }

    fn answered(&self, window: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(window)
    }
}

/// Opens the first window, where it was.
pub fn open_first(app: &AppHandle) -> tauri::Result<()> {
    let remembered = app.state::<App>().remembered();
    let window = build(app, FIRST, remembered.settings.theme, None)?;
    if let Some(frame) = remembered.frame.filter(|frame| on_screen(&window, *frame)) {
        window.set_size(PhysicalSize::new(frame.width, frame.height))?;
        window.set_position(PhysicalPosition::new(frame.x, frame.y))?;
        if frame.maximized {
            window.maximize()?;
        }
    }
    window.show()
}

/// Opens one more window: on a document, or on what was open last.
pub fn open_another(app: &AppHandle, document: Option<&str>) -> tauri::Result<()> {
    let taken = app.webview_windows();
    // One more name than there are windows: one of them is free.
    let label = (2..=taken.len() + 2).map(|n| format!("window-{n}")).find(|label| !taken.contains_key(label));
    let theme = app.state::<App>().remembered().settings.theme;
    build(app, label.as_deref().unwrap_or("window-1"), theme, document.filter(|id| is_id(id)))?.show()
}

/// The window a person is in, else the first one there is.
pub fn in_use(app: &AppHandle) -> Option<WebviewWindow> {
    let mut windows: Vec<WebviewWindow> = app.webview_windows().into_values().collect();
    windows.sort_by(|a, b| a.label().cmp(b.label()));
    let focused = windows.iter().position(|window| window.is_focused().unwrap_or(false));
    (!windows.is_empty()).then(|| windows.swap_remove(focused.unwrap_or(0)))
}

/// Whether a text can be the id of a document: what goes into an address is nothing else.
fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn build(app: &AppHandle, label: &str, theme: Theme, document: Option<&str>) -> tauri::Result<WebviewWindow> {
    // Before the first paint, so that nobody is dazzled by the wrong theme.
    let themed = match theme {
        Theme::System => String::new(),
        Theme::Light => r#"document.documentElement.dataset.theme = "light";"#.to_owned(),
        Theme::Dark => r#"document.documentElement.dataset.theme = "dark";"#.to_owned(),
    };
    // The page keeps it there while others are opened in it, so that a window that is loaded again shows what it did.
    let page = document.map_or_else(|| "index.html".to_owned(), |id| format!("index.html#{id}"));
    let window = WebviewWindowBuilder::new(app, label, WebviewUrl::App(page.into()))
        .title("Sheaf")
        .inner_size(SIZE.width, SIZE.height)
        .min_inner_size(SMALLEST.width, SMALLEST.height)
        .visible(false)
        .disable_drag_drop_handler()
        .zoom_hotkeys_enabled(true)
        .initialization_script(themed)
        // The window shows the app and nothing else; addresses on a page open elsewhere.
        .on_navigation(|url| url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost"))
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_document_title_changed(|window, title| {
            if let Err(error) = window.set_title(&title) {
                tracing::debug!(%error, "the title was not set");
            }
        })
        .build()?;
    revive(&window)?;
    Ok(window)
}

/// Loads the page again if its process dies. That is a new session (W7): everything sent before is kept.
fn revive(window: &WebviewWindow) -> tauri::Result<()> {
    #[cfg(target_os = "linux")]
    window.with_webview(|webview| {
        use webkit2gtk::WebViewExt as _;
        webview.inner().connect_web_process_terminated(|page, reason| {
            tracing::error!(?reason, "the page's process ended; it is loaded again");
            page.reload();
        });
    })?;
    #[cfg(not(target_os = "linux"))]
    let _ = window;
    Ok(())
}

/// Whether enough of a frame lies on a screen to take hold of it.
fn on_screen(window: &WebviewWindow, frame: Frame) -> bool {
    if frame.width < 200 || frame.height < 200 {
        return false;
    }
    let Ok(monitors) = window.available_monitors() else { return false };
    monitors.iter().any(|monitor| {
        let (at, size) = (monitor.position(), monitor.size());
        let wide = overlap(frame.x, frame.width, at.x, size.width);
        let high = overlap(frame.y, frame.height, at.y, size.height);
        wide >= 100 && high >= 100
    })
}

/// How much two stretches have in common.
fn overlap(a: i32, a_len: u32, b: i32, b_len: u32) -> i64 {
    let (a, b) = (i64::from(a), i64::from(b));
    (a + i64::from(a_len)).min(b + i64::from(b_len)) - a.max(b)
}

/// What happens to a window.
pub fn happened(window: &Window, event: &Happened) {
    match event {
        Happened::CloseRequested { api, .. } => {
            api.prevent_close();
            let window = window.clone();
            tauri::async_runtime::spawn(async move { ask_to_close(&window).await });
        }
        Happened::Destroyed => {
            let app = window.app_handle().clone();
            let label = window.label().to_owned();
            app.state::<App>().forget(&label);
            app.state::<Closing>().forget(&label);
            tauri::async_runtime::spawn(async move {
                // Closed without a word from the page: what it sent is saved all the same.
                if let Err(problem) = app.state::<App>().sessions.close_window(&label).await {
                    tracing::error!(%problem, "the last words of a closed window were not saved");
                }
            });
        }
        _ => {}
    }
}

/// Asks the page to send its last words. A page that cannot answer is closed without it: everything it sent is saved.
async fn ask_to_close(window: &Window) {
    let app = window.app_handle();
    let label = window.label();
    app.state::<Closing>().forget(label);
    if app.state::<App>().tell(label, ShellEvent::Closing) {
        tokio::time::sleep(PATIENCE).await;
        if app.state::<Closing>().answered(label) {
            return;
        }
        tracing::warn!(label, "the page does not answer; the window is closed");
    }
    let Some(page) = app.get_webview_window(label) else { return };
    if let Err(problem) = app.state::<App>().sessions.close_window(label).await {
        tracing::error!(%problem, "the last words of a window were not saved");
    }
    close(&page).await;
}

/// Closes a window for good, and remembers where it was.
pub async fn close(window: &WebviewWindow) {
    let app = window.app_handle();
    if window.label() == FIRST
        && let Some(frame) = frame(window)
        && let Err(problem) = app.state::<App>().remember(|remembered| remembered.frame = Some(frame)).await
    {
        tracing::warn!(%problem, "where the window was is not remembered");
    }
    if let Err(error) = window.destroy() {
        tracing::error!(%error, "the window cannot be closed");
    }
}

fn frame(window: &WebviewWindow) -> Option<Frame> {
    let maximized = window.is_maximized().ok()?;
    let before = window.app_handle().state::<App>().remembered().frame;
    if maximized && let Some(before) = before {
        // The size it goes back to is the one from before it filled the screen.
        return Some(Frame { maximized, ..before });
    }
    let (at, size) = (window.outer_position().ok()?, window.inner_size().ok()?);
    Some(Frame { x: at.x, y: at.y, width: size.width, height: size.height, maximized })
}

#[cfg(test)]
mod tests {
    use super::{is_id, overlap};

    #[test]
    fn what_goes_into_a_window_s_address_is_an_id() {
        assert!(is_id("3f9c01ab") && is_id(&"a".repeat(100)));
        for text in ["", "a#b", "../a", "a b", "ä", &"a".repeat(101)] {
            assert!(!is_id(text), "{text}");
        }
    }

    #[test]
    fn overlap_is_what_two_stretches_share() {
        assert_eq!(overlap(0, 10, 5, 10), 5);
        assert_eq!(overlap(0, 10, 20, 5), -10);
        assert_eq!(overlap(i32::MIN, u32::MAX, 0, 10), 10);
    }
}
