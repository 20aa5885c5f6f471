//! The parts of the file round the text: what Word needs to know of lists, styles and links.

use std::fmt::Write;

use super::LEVELS;

pub(super) const HEADER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

const WORDS: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

pub(super) const CONTENT_TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
<Default Extension=\"xml\" ContentType=\"application/xml\"/>\
<Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/>\
<Override PartName=\"/word/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml\"/>\
<Override PartName=\"/word/numbering.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml\"/>\
<Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>\
</Types>";

pub(super) const RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"document\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"word/document.xml\"/>\
<Relationship Id=\"core\" Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/>\
</Relationships>";

/// The document with these paragraphs, on a page with room round it.
pub(super) fn document(paragraphs: &str) -> String {
    format!(
        "<w:document xmlns:w=\"{WORDS}\" \
         xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><w:body>{paragraphs}\
         <w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/>\
         <w:pgMar w:top=\"1418\" w:right=\"1418\" w:bottom=\"1418\" w:left=\"1418\" w:header=\"709\" w:footer=\"709\" w:gutter=\"0\"/>\
         </w:sectPr></w:body></w:document>"
    )
}

pub(super) fn properties(title: &str) -> String {
    let mut text = String::from(
        "<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>",
    );
    escape(&mut text, title);
    text.push_str("</dc:title></cp:coreProperties>");
    text
}

/// What the document points at: its styles, its numberings, and where links lead.
pub(super) fn links(links: &[String]) -> String {
    const KINDS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let mut text = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
         <Relationship Id=\"styles\" Type=\"{KINDS}/styles\" Target=\"styles.xml\"/>\
         <Relationship Id=\"numbering\" Type=\"{KINDS}/numbering\" Target=\"numbering.xml\"/>"
    );
    for (number, link) in links.iter().enumerate() {
        let _ = write!(text, "<Relationship Id=\"link{}\" Type=\"{KINDS}/hyperlink\" Target=\"", number + 1);
        escape(&mut text, link);
        text.push_str("\" TargetMode=\"External\"/>");
    }
    text.push_str("</Relationships>");
    text
}

/// Two patterns, of bullets and of numbers; and a numbering for all bullets, and one for each list that counts, so that
/// each begins where it should.
pub(super) fn numbering(counted: &[(usize, u32)]) -> String {
    let mut text = format!("<w:numbering xmlns:w=\"{WORDS}\">");
    for (pattern, format) in [(0, "bullet"), (1, "decimal")] {
        let _ =
            write!(text, "<w:abstractNum w:abstractNumId=\"{pattern}\"><w:multiLevelType w:val=\"hybridMultilevel\"/>");
        for level in 0..LEVELS {
            let sign =
                if pattern == 0 { ["•", "◦", "▪"][level % 3].to_owned() } else { format!("%{}.", level + 1) };
            let left = 720 * (level + 1);
            let _ = write!(
                text,
                "<w:lvl w:ilvl=\"{level}\"><w:start w:val=\"1\"/><w:numFmt w:val=\"{format}\"/><w:lvlText w:val=\"{sign}\"/>\
                 <w:lvlJc w:val=\"left\"/><w:pPr><w:ind w:left=\"{left}\" w:hanging=\"360\"/></w:pPr></w:lvl>"
            );
        }
        text.push_str("</w:abstractNum>");
    }
    text.push_str("<w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num>");
    for (at, (level, start)) in counted.iter().enumerate() {
        let _ = write!(
            text,
            "<w:num w:numId=\"{}\"><w:abstractNumId w:val=\"1\"/><w:lvlOverride w:ilvl=\"{level}\">\
             <w:startOverride w:val=\"{start}\"/></w:lvlOverride></w:num>",
            at + 2
        );
    }
    text.push_str("</w:numbering>");
    text
}

/// The styles the text uses, under the names by which every such program knows them.
pub(super) fn styles() -> String {
    let mut text = format!(
        "<w:styles xmlns:w=\"{WORDS}\"><w:docDefaults><w:rPrDefault><w:rPr><w:sz w:val=\"22\"/></w:rPr></w:rPrDefault>\
         <w:pPrDefault><w:pPr><w:spacing w:after=\"120\" w:line=\"276\" w:lineRule=\"auto\"/></w:pPr></w:pPrDefault></w:docDefaults>\
         <w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/><w:qFormat/></w:style>"
    );
    let mut style = |id: &str, name: &str, paragraph: &str, characters: &str| {
        let _ = write!(
            text,
            "<w:style w:type=\"paragraph\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/><w:basedOn w:val=\"Normal\"/>\
             <w:qFormat/><w:pPr>{paragraph}</w:pPr><w:rPr>{characters}</w:rPr></w:style>"
        );
    };
    for (at, size) in [36, 30, 26, 24, 22, 22].into_iter().enumerate() {
        let level = at + 1;
        style(
            &format!("Heading{level}"),
            &format!("heading {level}"),
            &format!("<w:keepNext/><w:spacing w:before=\"240\" w:after=\"120\"/><w:outlineLvl w:val=\"{at}\"/>"),
            &format!("<w:b/><w:sz w:val=\"{size}\"/>"),
        );
    }
    style("ListParagraph", "List Paragraph", "<w:contextualSpacing/>", "");
    for depth in 1..=LEVELS {
        let (id, name) = match depth {
            1 => ("ListContinue".to_owned(), "List Continue".to_owned()),
            _ => (format!("ListContinue{depth}"), format!("List Continue {depth}")),
        };
        style(&id, &name, &format!("<w:ind w:left=\"{}\"/>", 720 * depth), "");
    }
    style("Quote", "Quote", "<w:ind w:left=\"567\" w:right=\"567\"/>", "");
    let mono = "<w:rFonts w:ascii=\"Courier New\" w:hAnsi=\"Courier New\" w:cs=\"Courier New\"/><w:sz w:val=\"20\"/>";
    style("SourceCode", "Source Code", "<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F2F2F2\"/>", mono);
    let line = "<w:pBdr><w:bottom w:val=\"single\" w:sz=\"6\" w:space=\"1\" w:color=\"808080\"/></w:pBdr>";
    style("HorizontalLine", "Horizontal Line", line, "");
    for (id, name, look) in [
        ("VerbatimChar", "Verbatim Char", mono),
        ("Hyperlink", "Hyperlink", "<w:color w:val=\"0563C1\"/><w:u w:val=\"single\"/>"),
    ] {
        let _ = write!(
            text,
            "<w:style w:type=\"character\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/><w:rPr>{look}</w:rPr></w:style>"
        );
    }
    text.push_str("</w:styles>");
    text
}

/// Text in XML. Signs that XML has no way to write become U+FFFD.
pub(super) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}
