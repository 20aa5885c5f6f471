//! Links to other documents, for where those have addresses of another kind.

use crate::{
    import::Link,
    model::{Item, Marks},
};

/// Lets each link to a document lead to the address that is given for its id; where none is given, it stays.
pub fn relink_documents(items: &mut [Item], mut address: impl FnMut(&str) -> Option<String>) {
    for item in items {
        let Item::Text { marks, .. } = item else { continue };
        if let Some(mark) = relinked(marks, &mut address) {
            marks.insert("link".to_owned(), mark);
        }
    }
}

fn relinked(marks: &Marks, address: &mut impl FnMut(&str) -> Option<String>) -> Option<crate::model::Scalar> {
    let link = Link::of_mark(marks.get("link")?)?;
    let href = address(link.document()?)?;
    Some(Link { href, ..link }.to_mark())
}
