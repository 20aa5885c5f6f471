//! What an operator sees: health, readiness, metrics, and a page with the state of things. Plain HTTP, on loopback unless
//! told otherwise.
//!
//! Nothing here says what a space is called, whose it is, or what is in it; the relay does not know the first and the last,
//! and keeps the second to itself. Nothing here changes anything: every request is a GET, and whoever reads all of it knows
//! how busy a machine is.

mod listener;
mod page;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::board::Board;

/// How long a stop waits for the answers under way.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How many requests are answered at once.
const CONNECTIONS: usize = 64;

/// The page is made here whole: it loads nothing and runs nothing.
const POLICY: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The operators' pages cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the operators' pages at {address}: {source}. Choose another address with --http, or off.")]
pub struct HttpError {
    address: SocketAddr,
    source: std::io::Error,
}

/// The operators' pages, while they are served.
#[derive(Debug)]
pub struct Http {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Http {
    /// Serves the pages of a board at this address.
    pub async fn serve(address: SocketAddr, board: Arc<Board>) -> Result<Self, HttpError> {
        let failed = |source| HttpError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let listener = listener::Bounded::new(listener, CONNECTIONS);
        let (stop, mut stopping) = watch::channel(false);
        let routes = Router::new()
            .route("/", get(status))
            .route("/healthz", get(|| async { (POLICY, "ok\n") }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(board);
        let served = tokio::spawn(async move {
            let mut stopped = stopping.clone();
            let ended = async move {
                // An error: whoever would stop it is gone, and with them the reason to serve.
                let _ = stopping.wait_for(|stop| *stop).await;
            };
            let serving = axum::serve(listener, routes).with_graceful_shutdown(ended);
            let cut_off = async {
                let _ = stopped.wait_for(|stop| *stop).await;
                tokio::time::sleep(LAST_ANSWERS).await;
            };
            tokio::select! {
                result = serving => {
                    if let Err(error) = result {
                        tracing::error!(%error, "the operators' pages are not served any more");
                    }
                }
                () = cut_off => {}
            }
        });
        Ok(Self { address, stop, served })
    }

    /// Where they are served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers what is under way, and ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.served.await {
            tracing::error!(%error, "the operators' pages broke off");
        }
    }
}

async fn ready(State(board): State<Arc<Board>>) -> impl IntoResponse {
    let readiness = board.readiness();
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, POLICY, format!("{readiness}\n"))
}

async fn metrics(State(board): State<Arc<Board>>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (POLICY, kind, board.meters().scrape())
}

async fn status(State(board): State<Arc<Board>>) -> impl IntoResponse {
    (POLICY, Html(page::page(&board, Instant::now())))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::board::Readiness;

    async fn serve() -> (Http, Arc<Board>) {
        let board = Arc::new(Board::new());
        let http = Http::serve(SocketAddr::from(([127, 0, 0, 1], 0)), board.clone());
        (http.await.expect("a free port"), board)
    }

    async fn ask(http: &Http, request: &str) -> String {
        let mut stream = TcpStream::connect(http.address()).await.expect("it listens");
        let request = format!("{request} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        answer
    }

    #[tokio::test]
    async fn health_readiness_and_metrics_are_told_apart() {
        let (http, board) = serve().await;
        assert!(ask(&http, "GET /healthz").await.starts_with("HTTP/1.1 200"));
        let answer = ask(&http, "GET /readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("starting"), "{answer}");
        board.is(Readiness::Ready);
        assert!(ask(&http, "GET /readyz").await.starts_with("HTTP/1.1 200"));
        board.is(Readiness::NoDisk);
        assert!(ask(&http, "GET /readyz").await.contains("disk"));
        board.is(Readiness::Draining);
        assert!(ask(&http, "GET /readyz").await.starts_with("HTTP/1.1 503"));
        board.meters().hosted.add(3);
        let answer = ask(&http, "GET /metrics").await;
        assert!(answer.contains("text/plain; version=0.0.4"), "{answer}");
        assert!(answer.contains("sheaf_relay_hosted_total 3\n"), "{answer}");
        http.stop().await;
    }

    #[tokio::test]
    async fn the_page_says_how_things_stand_and_runs_nothing() {
        let (http, board) = serve().await;
        board.is(Readiness::Ready);
        board.meters().spaces.set(12);
        let answer = ask(&http, "GET /").await;
        assert!(answer.contains("default-src 'none'"), "{answer}");
        assert!(answer.contains("<td>12</td>"), "{answer}");
        assert!(answer.contains("prefers-color-scheme: dark"), "{answer}");
        assert!(!answer.contains("<script") && !answer.contains("src="), "{answer}");
        http.stop().await;
    }

    #[tokio::test]
    async fn nothing_can_be_changed_from_here() {
        let (http, _board) = serve().await;
        for request in ["POST /", "DELETE /metrics", "PUT /readyz"] {
            assert!(ask(&http, request).await.starts_with("HTTP/1.1 405"), "{request}");
        }
        assert!(ask(&http, "GET /../etc/passwd").await.starts_with("HTTP/1.1 404"));
        http.stop().await;
    }

    #[tokio::test]
    async fn those_who_only_connect_do_not_keep_others_out_of_memory_or_the_end_from_coming() {
        let (http, _board) = serve().await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS / 2 {
            silent.push(TcpStream::connect(http.address()).await.expect("it listens"));
        }
        assert!(ask(&http, "GET /healthz").await.starts_with("HTTP/1.1 200"));
        tokio::time::timeout(Duration::from_secs(20), http.stop()).await.expect("it ends all the same");
    }
}
