//! What a relay is set to: one typed [`Config`], from four places.
//!
//! ```text
//! defaults  <  a TOML file  <  SHEAF_RELAY_* in the environment  <  flags
//! ```
//!
//! Without any of them a relay works: it keeps its data in the user's data folder, listens on one UDP port, and takes in the
//! spaces of those who were given its link, which carries a token. Every setting stands once in [`SETTINGS`], with what it
//! means and whether a running relay takes over a change of it ([`Config::after_reload`]); a test compares that table with
//! the struct, and with the operators' page.
//!
//! Nothing in a file is ignored: a key that is not known, or a value that makes no sense, is an error that says where it
//! stands ([`Problem`]). A setting that were silently dropped would be a limit that someone believes in.

mod check;
mod human;
mod load;
mod nats;
mod settings;
mod table;
mod toml_file;

pub use human::{After, Bytes, Count, Door, List, NotReadable, Span};
pub use load::{Flags, Problem, Problems, load};
pub use nats::{NatsServer, NotAServer};
pub use settings::{
    Admission, Config, Follow, Format, Limits, Logging, Meeting, Mode, Quotas, Retention, Tls, Token, Tracing,
};
pub use table::{SETTINGS, Setting, in_force, table};
