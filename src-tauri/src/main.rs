//! Sheaf's window: a thin shell round [`sheaf_node`].
//!
//! A page in a webview draws the library and the document; everything it knows, it asks of the node through the
//! [`commands`], and everything typed goes through the [`sessions`]. The app itself adds what only an app has: windows,
//! settings, the clipboard, a file dialog. It holds no document and no key.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod app;
mod arguments;
mod commands;
mod inbox;
mod links;
mod problem;
mod sessions;
mod settings;
mod view;
mod windows;

use anyhow::Context as _;
use clap::Parser as _;
use sheaf_node::Options;
use tauri::{Manager as _, RunEvent};
use tracing_subscriber::EnvFilter;

use crate::{
    app::App,
    arguments::Arguments,
    commands::{about, devices, keeping, library, people, relays, sessions as session, system, transfer, tree},
};

#[expect(clippy::too_many_lines, reason = "one line for each command that the window may give")]
fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // iroh calls it an error when an endpoint that was closed is closed, and when it is not waited for that someone who is not
    // there has heard goodbye.
    let usual = "warn,iroh::socket=off";
    let filter = EnvFilter::try_from_env("SHEAF_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut builder = tauri::Builder::default();
    let home = if let Some(home) = arguments.home {
        home
    } else {
        // Links that are clicked go to the usual home. Homes that were named are apps of their own, side by side.
        builder = builder.plugin(links::one_process(links::opened));
        sheaf_node::default_home().context("there is no folder for Sheaf's data")?
    };
    let options =
        Options { listen: arguments.listen, discovery: !arguments.no_discovery, ..Options::of_this_user(home) };
    let app = App::new(options);
    if let Some(link) = arguments.link.filter(|link| links::is_ours(link)) {
        app.keep_link(link);
    }
    let built = builder
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(tauri_plugin_dialog::init())
        .manage(app)
        .manage(windows::Closing::default())
        .manage(transfer::Errands::default())
        .invoke_handler(tauri::generate_handler![
            library::start,
            library::retry,
            library::begin,
            library::set_me,
            keeping::unlock,
            keeping::protection,
            keeping::set_passphrase,
            keeping::recovery_phrase,
            keeping::phrase_written,
            keeping::back_up,
            keeping::restore_backup,
            keeping::choose_backup,
            keeping::restore_here,
            devices::devices,
            devices::rename_device,
            devices::remove_device,
            devices::renew_device,
            devices::pair_show,
            devices::pair_arrive,
            devices::pair_look,
            devices::pair_confirm,
            devices::pair_cancel,
            devices::recover,
            devices::phrase_list,
            library::spaces,
            library::documents,
            tree::move_document,
            tree::create_under,
            tree::duplicate,
            tree::create_from,
            tree::set_template,
            tree::set_tags,
            tree::set_pinned,
            tree::recent,
            tree::preview,
            tree::backlinks,
            tree::search,
            tree::trash,
            tree::trashed,
            tree::restore_document,
            tree::destroy,
            people::members,
            people::former_members,
            people::set_role,
            people::remove_person,
            people::leave_space,
            people::invite,
            people::invitations,
            people::cancel_invitation,
            people::compare_words,
            people::set_verified,
            people::set_aside,
            people::set_aside_text,
            people::adopt,
            relays::relays,
            relays::add_relay,
            relays::remove_relay,
            people::forget_space,
            library::placement,
            library::create_space,
            library::create_document,
            library::import_text,
            library::look_at,
            library::join,
            library::try_now,
            session::listen,
            session::open_session,
            session::session_message,
            session::close_session,
            system::settings,
            system::put_settings,
            system::save_copy,
            transfer::export_document,
            transfer::export_space,
            transfer::import_files,
            transfer::stop_errand,
            transfer::begin_anew,
            system::copy_text,
            system::open_link,
            system::take_link,
            system::new_window,
            system::closing,
            system::ready_to_close,
            system::close_anyway,
            system::quit,
            about::about,
            about::licence_text,
            about::diagnostics,
            about::save_diagnostics,
        ])
        .on_window_event(windows::happened)
        .setup(|app| {
            windows::open_first(app.handle())?;
            tauri::async_runtime::spawn(stop_when_told(app.handle().clone()));
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("the window system cannot be used")?;
    built.run(|app, event| match event {
        RunEvent::Exit => {
            // The last thing before the process ends: the journal is synced and the home let go.
            tauri::async_runtime::block_on(async {
                if let Err(problem) = app.state::<App>().close().await {
                    tracing::error!(%problem, "the home was not closed cleanly; nothing saved is lost");
                }
            });
        }
        #[cfg(target_os = "macos")]
        RunEvent::Opened { urls } => links::opened(app, links::among(urls.iter().map(tauri::Url::as_str))),
        _ => {}
    });
    Ok(())
}

/// Ends the app in good order when the system asks the process to stop.
async fn stop_when_told(app: tauri::AppHandle) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    app.exit(0);
}
