//! Below frames: bytes on QUIC streams, from a device with a proved key.

use std::net::SocketAddr;

use iroh::endpoint::{Connection, ConnectionError, PortmapperConfig, RecvStream, SendStream, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode, SecretKey, TransportAddr};
use sheaf_access::DeviceId;
use sheaf_net::ALPN;
use tokio::time::timeout;

use super::Raw;
use crate::DEADLINE;

/// A connection on which greetings have been exchanged, and nothing else.
pub struct Quic {
    endpoint: Endpoint,
    connection: Connection,
    /// The stream for all spaces.
    pub control: SendStream,
    _answers: RecvStream,
}

impl Quic {
    /// Connects as a device.
    ///
    /// # Panics
    /// When that fails.
    pub async fn open(raw: &Raw, device: DeviceId, addresses: &[SocketAddr]) -> Self {
        let endpoint = Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .portmapper_config(PortmapperConfig::Disabled)
            .secret_key(SecretKey::from_bytes(&raw.device.signing_seed()))
            .alpns(vec![ALPN.to_vec()])
            .clear_ip_transports()
            .bind_addr("127.0.0.1:0")
            .expect("an address")
            .bind()
            .await
            .expect("a socket on the loopback interface");
        let id = EndpointId::from_bytes(device.as_bytes()).expect("a device's key");
        let address = EndpointAddr::from_parts(id, addresses.iter().copied().map(TransportAddr::Ip));
        let connection = endpoint.connect(address, ALPN).await.expect("a connection");
        let (mut control, mut answers) = connection.open_bi().await.expect("a stream");
        // The greeting, as the last right thing: version, run, pick, and what was seen of the other's.
        let pick = u64::from(raw.device.id() < device);
        let mut greeting = vec![0, 0, 0, 33, 1];
        for number in [rand::random::<u64>(), pick, 0, 0] {
            greeting.extend(number.to_be_bytes());
        }
        control.write_all(&greeting).await.expect("a stream that is open");
        let mut answer = [0; 37];
        timeout(DEADLINE, answers.read_exact(&mut answer)).await.expect("in time").expect("a greeting");
        Self { endpoint, connection, control, _answers: answers }
    }

    /// Another stream.
    ///
    /// # Panics
    /// When the other side allows none.
    pub async fn stream(&self) -> SendStream {
        timeout(DEADLINE, self.connection.open_uni()).await.expect("in time").expect("a stream")
    }

    /// Waits until the other side hangs up, and answers its code.
    ///
    /// # Panics
    /// When it does not, or for another reason.
    pub async fn closed(self) -> u64 {
        let code = match timeout(DEADLINE, self.connection.closed()).await.expect("a close in time") {
            ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
            other => panic!("the connection ended otherwise: {other}"),
        };
        self.endpoint.close().await;
        code
    }
}
