// @vitest-environment jsdom
/** What real clipboards hold: HTML as Word, Google Docs, Apple's programs and web pages write it, copied as it came. */
import { describe, expect, test } from "vitest";
import type { Item } from "../core/types/Item";
import { flatten } from "./flatten";
import { itemsBetween } from "./items";
import { schema } from "./schema";
import { b, t } from "./test/window";

const BULLET = "unordered-list-item";
const ORDERED = "ordered-list-item";

function read(html: string): Item[] {
  const holder = document.implementation.createHTMLDocument("").createElement("div");
  holder.innerHTML = html;
  const doc = schema.nodes.doc.create(null, flatten(holder));
  return itemsBetween(doc, 0, doc.content.size);
}

describe("Word", () => {
  test("its empty paragraphs, spaces and office tags are nothing", () => {
    const html = `<p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>One<span style='mso-spacerun:yes'>&nbsp; </span>two.<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p>`;
    expect(read(html)).toEqual([b(), t("One two.")]);
  });

  test("a title is a heading, and headings are not bold as well", () => {
    const html = `<p class=MsoTitle><span lang=EN-GB>Season plan</span></p><h1><a name="_Toc1"></a><span style='font-family:"Calibri Light"'><b>First</b></span></h1><p class=MsoSubtitle>By Ana</p>`;
    expect(read(html)).toEqual([b("heading", { level: 1 }), t("Season plan"), b("heading", { level: 1 }), t("First"), b(), t("By Ana")]);
  });

  test("lists by mso-list, of bullets, numbers and roman numerals, and what follows them", () => {
    const item = (level: number, sign: string, words: string) =>
      `<p class=MsoListParagraph style='margin-left:36.0pt;text-indent:-18.0pt;mso-list:l1 level${String(level)} lfo2'><!--[if !supportLists]--><span lang=EN-US style='mso-fareast-font-family:Calibri'><span style='mso-list:Ignore'>${sign}<span style='font:7.0pt "Times New Roman"'>&nbsp;&nbsp;&nbsp; </span></span></span><!--[endif]-->${words}<o:p></o:p></p>`;
    expect(read(`${item(1, "o", "dot")}${item(2, "§", "inner")}${item(2, "ii.", "roman")}${item(1, "(a)", "letter")}<p class=MsoNormal>after</p>`)).toEqual([
      b(BULLET), t("dot"), b(BULLET, {}, [BULLET]), t("inner"), b(ORDERED, {}, [BULLET]), t("roman"), b(ORDERED), t("letter"), b(), t("after"),
    ]);
  });

  test("a comment, a tracked removal and a picture leave no words behind", () => {
    const html = `<p class=MsoNormal>a<a class=msocomanchor id="_anchor_1" href="#_msocom_1" name="_msoanchor_1">[MM1]</a><del cite="mailto:Ana"><span>gone</span></del><![if !vml]><img src="file:///C:/x.png" alt="p"><![endif]> b</p><div style='mso-element:comment-list'><div style='mso-element:comment'><p class=MsoCommentText>Really?</p></div></div>`;
    expect(read(html)).toEqual([b(), t("a"), t("gone", "strike"), t(" b")]);
  });
});

describe("Google Docs", () => {
  test("the wrapper that is not bold, in every way it is written", () => {
    for (const weight of ["font-weight:normal", "font-weight: 400;", "FONT-WEIGHT:NORMAL"]) {
      expect(read(`<b id="docs-internal-guid-7" style="${weight}"><p><span>plain</span></p></b>`)).toEqual([b(), t("plain")]);
    }
  });

  test("spans in spans: the innermost says", () => {
    const html = `<p><span style="font-weight:700"><span style="font-style:italic">both<span style="font-weight:400"> em</span></span></span><span style="vertical-align:baseline;white-space:pre-wrap;"> end</span></p>`;
    expect(read(html)).toEqual([b(), { t: "text", text: "both", marks: { strong: true, em: true } }, t(" em", "em"), t(" end")]);
  });

  test("a link is its words and address, without the style of links", () => {
    const html = `<p><a href="https://www.google.com/url?q=https://example.org/a%3Fb%3D1&amp;sa=D&amp;source=editors" style="text-decoration:none;"><span style="color:#1155cc;text-decoration:underline;">here</span></a></p>`;
    expect(read(html)).toEqual([b(), { t: "text", text: "here", marks: { link: JSON.stringify({ href: "https://example.org/a?b=1", title: "" }) } }]);
  });
});

describe("Apple's programs and the web", () => {
  test("converted spaces are spaces", () => {
    const html = `<p class="p1"><span class="s1"><b>One</b></span><span class="Apple-converted-space">&nbsp;</span>two<span class="Apple-converted-space">&nbsp; </span>three</p><p class="p2"><br></p>`;
    expect(read(html)).toEqual([b(), t("One", "strong"), t(" two three")]);
  });

  test("a space that was put there to hold words together stays", () => {
    expect(read("<p>10&nbsp;km</p>")).toEqual([b(), t("10\u00a0km")]);
  });

  test("words out of a page bring no buttons, no zero-width signs and no soft hyphens' ghosts", () => {
    const html = `<meta charset="utf-8"><div style="box-sizing:border-box"><h2 style="font-weight:600">Head<a class="anchor" aria-hidden="true" href="#head"><svg><path d=""/></svg></a></h2><p style="color:red">a\u200bb\ufeff<button>Copy</button></p></div>`;
    expect(read(html)).toEqual([b("heading", { level: 2 }), t("Head"), b(), t("ab")]);
  });

  test("right-to-left words come as they are written", () => {
    expect(read(`<p dir="rtl">שלום <b>עולם</b></p><p dir="rtl">مرحبا</p>`)).toEqual([b(), t("שלום "), t("עולם", "strong"), b(), t("مرحبا")]);
  });
});
