//! The log, and traces when asked for.
//!
//! Both go where the operator says and nowhere else. No line and no span names a person or a space whole, and none has
//! anything of what is in an entry: there is no key here that opens one.
//!
//! Traces are sent by a thread of their own, with a client that blocks. So [`Telemetry::start`] is called before there is a
//! runtime, and [`Telemetry::end`] after it.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{Format, Logging, Tracing};

/// How long the last spans may take to leave.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// The log or the traces cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter says nothing.
    #[error("log.filter: {0}. Write a level, or levels by module: info, or warn,sheaf_relay=debug")]
    Filter(String),
    /// The traces have nowhere to go.
    #[error("traces.endpoint: {0}")]
    Traces(String),
    /// There is a log already.
    #[error("the log was begun before: {0}")]
    Twice(String),
}

/// The log and the traces of this process.
#[derive(Debug)]
pub struct Telemetry {
    filter: Handle<EnvFilter, Registry>,
    traces: Option<SdkTracerProvider>,
}

fn filter(text: &str) -> Result<EnvFilter, TelemetryError> {
    // iroh calls it an error when an endpoint that was closed is closed; whoever names it hears it all the same.
    let text = format!("iroh::socket::transports::relay=off,{text}");
    EnvFilter::try_new(text).map_err(|error| TelemetryError::Filter(error.to_string()))
}

impl Telemetry {
    /// Begins them. The log goes to standard error, which is where a service's journal comes from.
    pub fn start(log: &Logging, traces: &Tracing) -> Result<Self, TelemetryError> {
        let (filter, handle) = reload::Layer::new(filter(&log.filter)?);
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines = match log.format {
            Format::Text => lines.boxed(),
            Format::Json => lines.json().flatten_event(true).boxed(),
        };
        let provider = traces.endpoint.as_deref().map(provider).transpose()?;
        let spans = provider.as_ref().map(|provider| {
            // Our own spans alone: those of the client that sends them would beget spans for ever.
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("sheaf-relay"))
                .with_filter(filter_fn(|metadata| metadata.target().starts_with("sheaf")))
        });
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .with(spans)
            .try_init()
            .map_err(|error| TelemetryError::Twice(error.to_string()))?;
        Ok(Self { filter: handle, traces: provider })
    }

    /// Another filter from now on.
    pub fn set_filter(&self, text: &str) -> Result<(), TelemetryError> {
        let filter = filter(text)?;
        self.filter.reload(filter).map_err(|error| TelemetryError::Filter(error.to_string()))
    }

    /// Sends the last spans, if anyone takes them.
    pub fn end(self) {
        if let Some(provider) = self.traces
            && let Err(error) = provider.shutdown_with_timeout(LAST_SPANS)
        {
            eprintln!("sheaf-relay: the last traces were not sent: {error}");
        }
    }
}

fn provider(endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    // The client that sends them takes the process's cryptography, and panics without. An error: there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| TelemetryError::Traces(error.to_string()))?;
    let resource = Resource::builder().with_service_name("sheaf-relay").build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}
