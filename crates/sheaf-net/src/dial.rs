//! Dialling: reach the device, then exchange greetings.

use bytes::Bytes;
use iroh::endpoint::{ConnectError, ConnectOptions, ConnectWithOptsError, ConnectingError, Connection};
use iroh::{Endpoint, EndpointAddr, endpoint::QuicTransportConfig};

use crate::greeting::Greeting;
use crate::link::Control;
use crate::listen::read_greeting;
use crate::streams::write_frame;
use crate::transport::ALPN;
use crate::{CloseCode, DisconnectReason};

/// A connection on which the other side has answered our greeting.
pub(crate) struct Answered {
    pub(crate) connection: Connection,
    pub(crate) control: Control,
    pub(crate) answer: Greeting,
}

/// Reaches the device: when this returns, it has proved its key.
pub(crate) async fn reach(
    endpoint: Endpoint,
    address: EndpointAddr,
    config: QuicTransportConfig,
) -> Result<Connection, DisconnectReason> {
    let options = ConnectOptions::new().with_transport_config(config);
    let connecting = endpoint.connect_with_opts(address, ALPN, options).await.map_err(|error| {
        if !matches!(error, ConnectWithOptsError::EndpointClosed { .. }) {
            tracing::debug!(%error, "cannot dial");
        }
        DisconnectReason::Unreachable
    })?;
    connecting.await.map_err(|error| reason(&ConnectError::from(error)))
}

fn reason(error: &ConnectError) -> DisconnectReason {
    let (ConnectError::Connecting { source: ConnectingError::ConnectionError { source, .. }, .. }
    | ConnectError::Connection { source, .. }) = error
    else {
        return DisconnectReason::Unreachable;
    };
    match DisconnectReason::from_error(source) {
        DisconnectReason::Lost => DisconnectReason::Unreachable,
        reason => reason,
    }
}

/// Greets, and waits for the answer.
pub(crate) async fn greet(connection: Connection, greeting: Greeting) -> Result<Answered, DisconnectReason> {
    let gone = || match connection.close_reason() {
        Some(error) => DisconnectReason::from_error(&error),
        None => DisconnectReason::Lost,
    };
    let (mut send, mut recv) = connection.open_bi().await.map_err(|_| gone())?;
    write_frame(&mut send, Bytes::copy_from_slice(&greeting.encode())).await.map_err(|_| gone())?;
    match read_greeting(&connection, &mut recv).await {
        Ok(answer) => Ok(Answered { control: (send, recv), answer, connection }),
        Err(None) => Err(gone()),
        Err(Some(code)) => {
            connection.close(code.wire(), b"");
            Err(DisconnectReason::Ours(code))
        }
    }
}

/// Closes a connection that will not be used.
pub(crate) fn decline(connection: &Connection, code: CloseCode) {
    connection.close(code.wire(), b"");
}
