//! The socket through which a running relay is asked (see [`crate::operate`]): one line with the question, one with the answer.
//!
//! It lies in the data folder, which is its user's alone, and so whoever can open it could as well read the folder.

use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

use crate::operate::{Answer, Refused, Request};

/// Its name in the data folder.
#[cfg(unix)]
const SOCKET: &str = "control";
/// The longest question.
#[cfg(unix)]
const LONGEST: u64 = 16 * 1024;

/// Asks a relay that runs; nothing, if none does in this folder. Blocks.
#[cfg(unix)]
pub fn ask(data: &Path, request: &Request) -> Option<Result<Answer, Refused>> {
    use std::io::{BufRead, BufReader, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(data.join(SOCKET)).ok()?;
    let mut asked = || -> std::io::Result<Result<Answer, Refused>> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        stream.write_all(line.as_bytes())?;
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    };
    Some(asked().unwrap_or_else(|error| Err(Refused::Failed(format!("the relay broke off: {error}")))))
}

/// There are no such sockets here: the relay has to be stopped first.
#[cfg(not(unix))]
pub fn ask(_data: &Path, _request: &Request) -> Option<Result<Answer, Refused>> {
    None
}

/// The socket of a relay that runs. It goes with it.
#[cfg(unix)]
pub struct Control {
    task: tokio::task::JoinHandle<()>,
    path: PathBuf,
}

#[cfg(unix)]
impl Control {
    /// Opens it. Each question is given to `answer`.
    pub fn open<F>(data: &Path, answer: impl Fn(Request) -> F + Send + Sync + 'static) -> std::io::Result<Self>
    where
        F: Future<Output = Result<Answer, Refused>> + Send + 'static,
    {
        use std::os::unix::fs::PermissionsExt;
        let path = data.join(SOCKET);
        // Left behind by one that was killed: the data folder's lock is held, so nobody else listens there.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = tokio::net::UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let answer = std::sync::Arc::new(answer);
        let task = tokio::spawn(async move {
            // One after the other: an operator has no hurry, and what they ask for is heavy.
            while let Ok((stream, _)) = listener.accept().await {
                if let Err(error) = talk(stream, &*answer).await {
                    tracing::debug!(%error, "an operator's question broke off");
                }
            }
        });
        Ok(Self { task, path })
    }
}

#[cfg(unix)]
async fn talk<F>(stream: tokio::net::UnixStream, answer: &impl Fn(Request) -> F) -> std::io::Result<()>
where
    F: Future<Output = Result<Answer, Refused>>,
{
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let asking = BufReader::new(read.take(LONGEST));
    tokio::time::timeout(std::time::Duration::from_secs(10), { asking }.read_line(&mut line)).await??;
    let answered = match serde_json::from_str(&line) {
        Ok(request) => answer(request).await,
        Err(error) => Err(Refused::Failed(format!(
            "this relay does not know what that asks ({error}). Is it of another version?"
        ))),
    };
    let mut line = serde_json::to_string(&answered)?;
    line.push('\n');
    write.write_all(line.as_bytes()).await
}

#[cfg(unix)]
impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // Left behind, it does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}
