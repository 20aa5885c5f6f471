//! Tables of the operators' page are made here, and compared with it: what is documented is what is.

/// Compares the part of docs/operating.md between `<!-- NAME -->` and `<!-- end of NAME -->` with what it should be, or
/// writes it when `SHEAF_WRITE_DOCS` is set.
pub(crate) fn check(name: &str, table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let page = std::fs::read_to_string(path).expect("the operators' page is there");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("docs/operating.md has no {begin}"));
    let (there, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/operating.md has no {end}"));
    if std::env::var_os("SHEAF_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{begin}{table}{end}{after}")).expect("the page can be written");
        return;
    }
    assert!(there == table, "docs/operating.md is behind: SHEAF_WRITE_DOCS=1 cargo test -p sheaf-relay writes it anew");
}
