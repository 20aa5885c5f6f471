//! The local node: spaces, documents and sessions, and the tasks that keep them saved and in step.

mod view;

pub use view::{
    DocumentInfo, Failing, Link, Me, MemberInfo, NodeEvent, Place, Placement, Present, SpaceInfo, SyncReport,
};
