/**
 * The languages that code is coloured in. A document holds the word that was written after the fence; here is what it
 * means, what it is called on screen, and where its rules are, which are fetched when a page first needs them.
 */
import type { StreamParser } from "@codemirror/streamparser";

/** The rules of a language: one line after another, with a state between them. */
export type Rules = StreamParser<unknown>;

/** A language. */
export interface Language {
  /** The word that stands for it in a document. */
  id: string;
  /** What it is called on screen. */
  label: string;
  /** Other words for it. */
  also: readonly string[];
  /** Fetches its rules. */
  load: () => Promise<Rules>;
}

function language(label: string, words: string, load: () => Promise<Rules>): Language {
  const [id = "", ...also] = words.split(" ");
  return { id, label, also, load };
}

const clike = () => import("@codemirror/legacy-modes/mode/clike");
const script = () => import("@codemirror/legacy-modes/mode/javascript");
const styles = () => import("@codemirror/legacy-modes/mode/css");
const markup = () => import("@codemirror/legacy-modes/mode/xml");
const ml = () => import("@codemirror/legacy-modes/mode/mllike");

/** All of them, in the order of their names. */
export const LANGUAGES: readonly Language[] = [
  language("C", "c h", async () => (await clike()).c),
  language("C#", "csharp cs c#", async () => (await clike()).csharp),
  language("C++", "cpp c++ cc cxx hpp", async () => (await clike()).cpp),
  language("Clojure", "clojure clj edn", async () => (await import("@codemirror/legacy-modes/mode/clojure")).clojure),
  language("CMake", "cmake", async () => (await import("@codemirror/legacy-modes/mode/cmake")).cmake),
  language("CSS", "css", async () => (await styles()).css),
  language("Dart", "dart", async () => (await clike()).dart),
  language("Diff", "diff patch", async () => (await import("@codemirror/legacy-modes/mode/diff")).diff),
  language("Dockerfile", "dockerfile docker", async () => (await import("@codemirror/legacy-modes/mode/dockerfile")).dockerFile),
  language("Elm", "elm", async () => (await import("@codemirror/legacy-modes/mode/elm")).elm),
  language("Erlang", "erlang erl", async () => (await import("@codemirror/legacy-modes/mode/erlang")).erlang),
  language("F#", "fsharp fs f#", async () => (await ml()).fSharp),
  language("Fortran", "fortran f90", async () => (await import("@codemirror/legacy-modes/mode/fortran")).fortran),
  language("Go", "go golang", async () => (await import("@codemirror/legacy-modes/mode/go")).go),
  language("Groovy", "groovy gradle", async () => (await import("@codemirror/legacy-modes/mode/groovy")).groovy),
  language("Haskell", "haskell hs", async () => (await import("@codemirror/legacy-modes/mode/haskell")).haskell),
  language("HTML", "html htm", async () => (await markup()).html),
  language("INI", "ini properties cfg conf", async () => (await import("@codemirror/legacy-modes/mode/properties")).properties),
  language("Java", "java", async () => (await clike()).java),
  language("JavaScript", "javascript js jsx mjs cjs", async () => (await script()).javascript),
  language("JSON", "json jsonc json5", async () => (await script()).json),
  language("Julia", "julia jl", async () => (await import("@codemirror/legacy-modes/mode/julia")).julia),
  language("Kotlin", "kotlin kt kts", async () => (await clike()).kotlin),
  language("LaTeX", "latex tex", async () => (await import("@codemirror/legacy-modes/mode/stex")).stex),
  language("Less", "less", async () => (await styles()).less),
  language("Lisp", "lisp commonlisp elisp", async () => (await import("@codemirror/legacy-modes/mode/commonlisp")).commonLisp),
  language("Lua", "lua", async () => (await import("@codemirror/legacy-modes/mode/lua")).lua),
  language("nginx", "nginx", async () => (await import("@codemirror/legacy-modes/mode/nginx")).nginx),
  language("Objective-C", "objective-c objc objectivec", async () => (await clike()).objectiveC),
  language("OCaml", "ocaml ml", async () => (await ml()).oCaml),
  language("Octave", "octave matlab", async () => (await import("@codemirror/legacy-modes/mode/octave")).octave),
  language("Pascal", "pascal delphi", async () => (await import("@codemirror/legacy-modes/mode/pascal")).pascal),
  language("Perl", "perl pl", async () => (await import("@codemirror/legacy-modes/mode/perl")).perl),
  language("PowerShell", "powershell ps1 pwsh", async () => (await import("@codemirror/legacy-modes/mode/powershell")).powerShell),
  language("Protocol Buffers", "protobuf proto", async () => (await import("@codemirror/legacy-modes/mode/protobuf")).protobuf),
  language("Python", "python py", async () => (await import("@codemirror/legacy-modes/mode/python")).python),
  language("R", "r", async () => (await import("@codemirror/legacy-modes/mode/r")).r),
  language("Ruby", "ruby rb", async () => (await import("@codemirror/legacy-modes/mode/ruby")).ruby),
  language("Rust", "rust rs", async () => (await import("@codemirror/legacy-modes/mode/rust")).rust),
  language("Sass", "sass", async () => (await import("@codemirror/legacy-modes/mode/sass")).sass),
  language("Scala", "scala", async () => (await clike()).scala),
  language("Scheme", "scheme racket", async () => (await import("@codemirror/legacy-modes/mode/scheme")).scheme),
  language("SCSS", "scss", async () => (await styles()).sCSS),
  language("Shell", "sh shell bash zsh console", async () => (await import("@codemirror/legacy-modes/mode/shell")).shell),
  language("SQL", "sql postgresql mysql sqlite", async () => (await import("@codemirror/legacy-modes/mode/sql")).standardSQL),
  language("Swift", "swift", async () => (await import("@codemirror/legacy-modes/mode/swift")).swift),
  language("TOML", "toml", async () => (await import("@codemirror/legacy-modes/mode/toml")).toml),
  language("TypeScript", "typescript ts tsx mts cts", async () => (await script()).typescript),
  language("Verilog", "verilog systemverilog", async () => (await import("@codemirror/legacy-modes/mode/verilog")).verilog),
  language("VHDL", "vhdl", async () => (await import("@codemirror/legacy-modes/mode/vhdl")).vhdl),
  language("Visual Basic", "vb vbnet", async () => (await import("@codemirror/legacy-modes/mode/vb")).vb),
  language("WebAssembly", "wast wat wasm", async () => (await import("@codemirror/legacy-modes/mode/wast")).wast),
  language("XML", "xml svg xsl", async () => (await markup()).xml),
  language("YAML", "yaml yml", async () => (await import("@codemirror/legacy-modes/mode/yaml")).yaml),
];

const BY_WORD = new Map(LANGUAGES.flatMap((each) => [each.id, ...each.also].map((word) => [word, each] as const)));

/** What a code block without a language is called. */
export const PLAIN = "Plain text";

/** The language that a word stands for; null for one that is not known. */
export function languageOf(word: string): Language | null {
  return BY_WORD.get(word.trim().toLowerCase()) ?? null;
}

/** What a code block with this word is called on screen: an unknown word is shown as it was written. */
export function languageName(word: string): string {
  return languageOf(word)?.label ?? (word.trim() === "" ? PLAIN : word.trim());
}
