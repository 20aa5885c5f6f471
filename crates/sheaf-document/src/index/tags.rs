//! Tags: short words that documents are found by.

/// The longest tag, in characters.
pub const MAX_TAG: usize = 40;
/// How many tags of a document are read.
pub(super) const MAX_TAGS: usize = 50;
/// What stands before a tag in a document's map.
pub(super) const TAG: &str = "tag/";

/// A tag as it is written down: in small letters, without a sign before it. Nothing, if it is no tag: a tag has 1 to
/// [`MAX_TAG`] letters, digits, and `-`, `_` or `/` between them.
pub fn tag(text: &str) -> Option<String> {
    let text = text.trim();
    let tag = text.strip_prefix('#').unwrap_or(text).to_lowercase();
    let joins = |c: char| matches!(c, '-' | '_' | '/');
    let fits = (1..=MAX_TAG).contains(&tag.chars().count())
        && tag.chars().all(|c| c.is_alphanumeric() || joins(c) || is_mark(c))
        && !tag.starts_with(joins)
        && !tag.ends_with(joins);
    fits.then_some(tag)
}

/// Marks that belong to the letter before them, as many scripts write vowels.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_short_word_in_small_letters() {
        assert_eq!(tag(" #Reise/2026 "), Some("reise/2026".into()));
        assert_eq!(tag("Ärger"), Some("ärger".into()));
        assert_eq!(tag("हिन्दी"), Some("हिन्दी".into()));
        for wrong in ["", "#", "two words", "a,b", "/a", "a-", "a\nb", &"x".repeat(MAX_TAG + 1)] {
            assert_eq!(tag(wrong), None, "{wrong:?}");
        }
    }
}
