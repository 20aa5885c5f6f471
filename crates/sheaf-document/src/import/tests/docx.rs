//! Word's files: what other programs write, and what nobody should.

use std::io::{Cursor, Write};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::formats::brief;
use crate::import::{docx, docx::DocxError};

const W: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
    xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" \
    xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\" \
    xmlns:pic=\"http://schemas.openxmlformats.org/drawingml/2006/picture\"";

fn package(parts: &[(&str, String)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, part) in parts {
        archive.start_file(*name, options).unwrap();
        archive.write_all(part.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn document(body: &str) -> (&'static str, String) {
    ("word/document.xml", format!("<w:document {W}><w:body>{body}</w:body></w:document>"))
}

fn relations(rows: &[(&str, &str, &str)]) -> (&'static str, String) {
    let rows = rows.iter().map(|(id, kind, target)| {
        format!(
            "<Relationship Id=\"{id}\" Type=\"http://x/{kind}\" Target=\"{target}\" TargetMode=\"{}\"/>",
            if *kind == "hyperlink" { "External" } else { "Internal" }
        )
    });
    let rows: String = rows.collect();
    (
        "word/_rels/document.xml.rels",
        format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{rows}</Relationships>"
        ),
    )
}

fn read(body: &str) -> Vec<String> {
    brief(&docx(&package(&[document(body)])).unwrap().items)
}

#[test]
fn runs_fields_and_changes_are_read_as_they_are_shown() {
    assert_eq!(
        read(
            "<w:p><w:r><w:t xml:space=\"preserve\">Full </w:t></w:r><w:r><w:rPr><w:b/><w:i w:val=\"0\"/></w:rPr><w:t>of</w:t></w:r>\
             <w:r><w:t xml:space=\"preserve\"> s</w:t><w:t>ilt &amp; &#x6c;eaves</w:t><w:br/><w:tab/><w:t>x</w:t></w:r>\
             <w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>gone</w:t></w:r></w:moveFrom>\
             <w:ins><w:r><w:t>!</w:t></w:r></w:ins><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>"
        ),
        ["paragraph: Full {strong of} silt & leaves\n\tx!"]
    );
    assert_eq!(
        read(
            "<w:p><w:r><w:fldChar w:fldCharType=\"begin\"/></w:r><w:r><w:instrText> HYPERLINK \"https://a.org/\" </w:instrText></w:r>\
             <w:r><w:fldChar w:fldCharType=\"separate\"/></w:r><w:r><w:t>there</w:t></w:r><w:r><w:fldChar w:fldCharType=\"end\"/></w:r>\
             <w:fldSimple w:instr=\"HYPERLINK &quot;javascript:alert(1)&quot;\"><w:r><w:t>not</w:t></w:r></w:fldSimple></w:p>"
        )
        .len(),
        1
    );
}

#[test]
fn styles_and_numberings_say_what_a_paragraph_is() {
    let styles = format!(
        "<w:styles {W}><w:style w:styleId=\"Titel\"><w:name w:val=\"Title\"/></w:style>\
         <w:style w:styleId=\"berschrift2\"><w:name w:val=\"heading 2\"/></w:style>\
         <w:style w:styleId=\"Own\"><w:name w:val=\"Own\"/><w:basedOn w:val=\"berschrift2\"/></w:style>\
         <w:style w:styleId=\"Loop\"><w:name w:val=\"Loop\"/><w:basedOn w:val=\"Loop\"/></w:style>\
         <w:style w:styleId=\"Code\"><w:name w:val=\"Preformatted Text\"/></w:style></w:styles>"
    );
    let numbering = format!(
        "<w:numbering {W}><w:abstractNum w:abstractNumId=\"3\"><w:lvl w:ilvl=\"0\"><w:start w:val=\"1\"/><w:numFmt w:val=\"decimal\"/></w:lvl>\
         <w:lvl w:ilvl=\"1\"><w:numFmt w:val=\"bullet\"/></w:lvl></w:abstractNum>\
         <w:num w:numId=\"7\"><w:abstractNumId w:val=\"3\"/></w:num></w:numbering>"
    );
    let p = |style: &str, numbered: Option<u8>, text: &str| {
        let numbering = numbered.map_or_else(String::new, |level| {
            format!("<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"7\"/></w:numPr>")
        });
        format!(
            "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/>{numbering}<w:rPr><w:b/></w:rPr></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
        )
    };
    let body = [
        p("Titel", None, "A"),
        p("Own", None, "B"),
        p("Loop", None, "C"),
        p("Code", None, "x"),
        p("Code", None, "y"),
        p("", Some(0), "one"),
        p("", Some(1), "☐ deep"),
        p("", Some(5), "deeper than there is"),
        p("", Some(0), "two"),
        p("", None, "between"),
        p("", Some(0), "three"),
    ]
    .concat();
    let bytes = package(&[
        document(&body),
        relations(&[("a", "styles", "styles.xml"), ("b", "numbering", "/word/numbering.xml")]),
        ("word/styles.xml", styles),
        ("word/numbering.xml", numbering),
    ]);
    assert_eq!(
        brief(&docx(&bytes).unwrap().items),
        [
            "heading(level=1): A",
            "heading(level=2): B",
            "paragraph: C",
            "code-block: x\ny",
            "ordered-list-item: one",
            "unordered-list-item(checked=false)<ordered-list-item: deep",
            "unordered-list-item<ordered-list-item<unordered-list-item: deeper than there is",
            "ordered-list-item: two",
            "paragraph: between",
            "ordered-list-item(start=3): three",
        ]
    );
}

#[test]
fn tables_notes_pictures_and_boxes_keep_their_words() {
    let body = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p>\
        <w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc></w:tr></w:tbl>\
        <w:p><w:r><w:t>x</w:t><w:footnoteReference w:id=\"2\"/></w:r><w:r><w:drawing><wp:inline>\
        <wp:docPr descr=\"a hut\"/><pic:pic/></wp:inline></w:drawing></w:r></w:p>\
        <w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></mc:Choice>\
        <mc:Fallback><w:p><w:r><w:t>twice</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent><w:t>around</w:t></w:r></w:p>";
    let notes = format!(
        "<w:footnotes {W}><w:footnote w:id=\"2\"><w:p><w:r><w:footnoteRef/><w:t>see there</w:t></w:r></w:p></w:footnote></w:footnotes>"
    );
    let bytes =
        package(&[document(body), relations(&[("n", "footnotes", "footnotes.xml")]), ("word/footnotes.xml", notes)]);
    let read = docx(&bytes).unwrap();
    assert_eq!(
        brief(&read.items),
        [
            "paragraph: a | b c",
            "paragraph: x[1][picture: a hut]",
            "paragraph: boxed",
            "paragraph: around",
            "paragraph: [1] see there"
        ]
    );
    assert_eq!(read.pictures, 1);
}

/// Made by LibreOffice 7.4 out of a page of HTML, and kept as it wrote it.
#[test]
fn what_libreoffice_writes_is_read() {
    let read = docx(include_bytes!("../../../tests/files/libreoffice.docx")).unwrap();
    assert_eq!(
        brief(&read.items),
        [
            "heading(level=1): Field notes",
            "paragraph: The {strong gauge} is {em full} of {strike sand} silt & leaves; see \
             {link the site}.",
            "heading(level=2): To do",
            "unordered-list-item: oil",
            "unordered-list-item<unordered-list-item: for the engine",
            "unordered-list-item: rope",
            "ordered-list-item: first",
            "ordered-list-item: second",
            "paragraph: Between.",
            "ordered-list-item(start=5): fifth",
            "blockquote: Water finds its way.",
            "code-block: let level = 3;\nprint(level)",
            "__ext__divider:",
            "paragraph: day | level",
            "paragraph: Monday | 2.5 m",
            "paragraph: Ünïcödé: Привет, Σίγμα, 日本, שלום.",
        ]
    );
}

#[test]
fn a_bomb_is_too_large_and_damage_is_named() {
    let zeros = package(&[("word/document.xml", " ".repeat(70 << 20))]);
    assert!(zeros.len() < 1 << 20);
    assert!(matches!(docx(&zeros), Err(DocxError::TooLarge { .. })));
    assert!(matches!(docx(b"# no zip"), Err(DocxError::NotZip(_))));
    assert!(matches!(docx(&package(&[("mimetype", "x".into())])), Err(DocxError::NoText)));
    let deep = format!("{}{}", "<w:sdt>".repeat(2_000), "</w:sdt>".repeat(2_000));
    assert!(matches!(docx(&package(&[document(&deep)])), Err(DocxError::Broken { .. })));
    let cut = package(&[("word/document.xml", format!("<w:document {W}><w:body><w:p></w:x>"))]);
    let error = docx(&cut).unwrap_err();
    assert!(matches!(&error, DocxError::Broken { offset, .. } if *offset > 0), "{error}");
    // A name that leads out of the archive is only a name.
    let out = package(&[document("<w:p/>"), relations(&[("a", "styles", "../../../../etc/passwd")])]);
    assert_eq!(brief(&docx(&out).unwrap().items), ["paragraph:"]);
}

#[test]
fn a_damaged_file_is_an_error_or_a_document_at_every_byte() {
    let whole = package(&[document("<w:p><w:r><w:t>some words</w:t></w:r></w:p>")]);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let _ = docx(&damaged);
        let _ = docx(&whole[..at]);
    }
}
