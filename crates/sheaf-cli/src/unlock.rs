//! What opens a locked home: the passphrase from a file, the environment, or the person at the terminal. Never from the
//! command line itself, which other users of the machine can read.

use std::io::IsTerminal as _;
use std::path::Path;

use sheaf_node::{Node, NodeError, Options, SecretText};

use crate::arguments::Global;
use crate::output::Failure;

/// The variable that may hold the passphrase.
const VARIABLE: &str = "SHEAF_PASSPHRASE";
/// How often a person at a terminal may try.
const TRIES: usize = 3;

/// The passphrase, if it was given in a file or in the environment.
pub fn given(global: &Global) -> Result<Option<SecretText>, Failure> {
    if let Some(path) = &global.passphrase_file {
        return read_file(path).map(Some);
    }
    Ok(std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()).map(SecretText::new))
}

/// Opens a home; asks for its passphrase if it is locked and there is someone to ask.
pub async fn open(global: &Global, options: Options) -> Result<Node, Failure> {
    let mut passphrase = given(global)?;
    let mut tries = if passphrase.is_none() && can_ask() { TRIES } else { 0 };
    loop {
        match Node::open(Options { passphrase: passphrase.take(), ..options.clone() }).await {
            Err(NodeError::Locked | NodeError::WrongPassphrase) if tries > 0 => {
                tries -= 1;
                passphrase = Some(ask("Passphrase: ")?);
            }
            opened => return Ok(opened?),
        }
    }
}

/// Whether there is a person at a terminal.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a secret at the terminal; it is not shown.
pub fn ask(prompt: &str) -> Result<SecretText, Failure> {
    let typed = rpassword::prompt_password(prompt);
    typed.map(SecretText::new).map_err(|error| Failure::File("the terminal".to_owned(), error))
}

/// A new passphrase: from a file, or typed twice.
pub fn new_passphrase(file: Option<&Path>) -> Result<SecretText, Failure> {
    if let Some(path) = file {
        return read_file(path);
    }
    if !can_ask() {
        let reason = "there is nobody to ask for the new passphrase. Put it into a file and use --new-passphrase-file.";
        return Err(NodeError::BadInput(reason.to_owned()).into());
    }
    let first = ask("New passphrase: ")?;
    if ask("The same again: ")?.as_str() == first.as_str() {
        Ok(first)
    } else {
        Err(NodeError::BadInput("the two are not the same. Nothing was changed.".to_owned()).into())
    }
}

/// The recovery phrase: from a file, or typed, where there is someone to ask.
pub fn phrase(file: Option<&Path>) -> Result<Option<SecretText>, Failure> {
    match file {
        Some(path) => read_phrase(path).map(Some),
        None if can_ask() => ask("Recovery phrase: ").map(Some),
        None => Ok(None),
    }
}

/// The recovery phrase in a file: on one line or many, also with the numbers that `recovery-phrase` prints.
pub fn read_phrase(path: &Path) -> Result<SecretText, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::File(path.display().to_string(), error))?;
    let text = SecretText::new(text);
    let number = |word: &str| word.trim_end_matches(['.', ')']).bytes().all(|byte| byte.is_ascii_digit());
    // As long as it may get, so that no part of it is left behind where it grew.
    let mut words = String::with_capacity(text.as_str().len() + 1);
    for word in text.as_str().split_whitespace().filter(|word| !number(word)) {
        words.push_str(word);
        words.push(' ');
    }
    Ok(SecretText::new(words))
}

/// The first line of a file.
pub fn read_file(path: &Path) -> Result<SecretText, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::File(path.display().to_string(), error))?;
    let text = SecretText::new(text);
    let line = text.as_str().lines().next().unwrap_or_default();
    Ok(SecretText::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_read_as_it_was_printed_and_as_it_was_typed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("phrase");
        for text in [
            "one two three four",
            "one\ntwo\nthree\nfour\n",
            " 1 one     2 two\n 3 three   4 four\n",
            "1. one 2) two 3. three 4. four",
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(read_phrase(&file).unwrap().as_str().trim(), "one two three four");
        }
    }
}
