//! The QUIC settings, and the endpoint.

use std::time::Duration;

use iroh::endpoint::{IdleTimeout, NetReportConfig, PortmapperConfig, QuicTransportConfig, VarInt, presets};
use iroh::{Endpoint, RelayMode, SecretKey};

use crate::meetings::Meetings;
use crate::{BindError, Limits, NetConfig, Timings};

/// The protocol, and its version, as negotiated in the handshake.
pub const ALPN: &[u8] = b"sheaf/1";

/// What the other side may send on one stream ahead of our reading it.
const STREAM_WINDOW: u32 = 256 << 10;

/// What we send ahead of the other side's acknowledgements.
const SEND_WINDOW: u64 = 2 << 20;

/// Streams a stranger may open: a redeemer needs one for a space and one for presence.
const STRANGER_STREAMS: u32 = 4;

/// Streams the other side may open: twice what it should keep open, as some are on their way out while others come in,
/// and one for presence.
pub(crate) fn streams_accepted(limits: &Limits) -> VarInt {
    VarInt::from_u32(u32::try_from(limits.streams).unwrap_or(u32::MAX / 4).min(1 << 16) * 2 + 1)
}

fn base(timings: &Timings, limits: &Limits) -> iroh::endpoint::QuicTransportConfigBuilder {
    let idle = IdleTimeout::try_from(timings.idle).unwrap_or_else(|_| VarInt::MAX.into());
    // All streams' windows and the control stream's together: see the link's page on memory.
    let window = u64::from(STREAM_WINDOW) * (streams_accepted(limits).into_inner() + 1);
    QuicTransportConfig::builder()
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(timings.keep_alive)
        .default_path_keep_alive_interval(timings.keep_alive)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::try_from(window).unwrap_or(VarInt::MAX))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
}

/// For connections that come in: a stranger's, until the node says otherwise.
fn incoming(timings: &Timings, limits: &Limits) -> QuicTransportConfig {
    base(timings, limits)
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(STRANGER_STREAMS))
        .build()
}

/// For connections that we dial. The other side has no bidirectional stream to open.
pub(crate) fn outgoing(timings: &Timings, limits: &Limits) -> QuicTransportConfig {
    base(timings, limits)
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(streams_accepted(limits))
        .build()
}

/// Opens the endpoint. It asks nobody on the internet for anything: no DNS, no port mapping, and of relays only the meeting
/// points it was given, whose distance it probes, because an endpoint that does not know it belongs to none.
pub(crate) async fn bind(config: &NetConfig, meetings: &Meetings) -> Result<Endpoint, BindError> {
    let mut probes = NetReportConfig::minimal();
    probes.https_probes = true;
    let mut builder = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Custom(meetings.map()))
        .portmapper_config(PortmapperConfig::Disabled)
        .net_report_config(probes)
        .secret_key(SecretKey::from_bytes(&config.key))
        .alpns(vec![ALPN.to_vec()])
        .transport_config(incoming(&config.timings, &config.limits));
    if let Some(address) = config.listen {
        builder = builder
            .clear_ip_transports()
            .bind_addr(address)
            .map_err(|error| BindError::Address { address, reason: error.to_string() })?;
    }
    builder.bind().await.map_err(|error| match config.listen {
        Some(address) => BindError::Address { address, reason: innermost(&error) },
        None => BindError::Socket(innermost(&error)),
    })
}

/// What the system said, without the layers round it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// How long closing the endpoint may wait for the other sides to hear of it, at least.
pub(crate) const FAREWELL: Duration = Duration::from_millis(200);
