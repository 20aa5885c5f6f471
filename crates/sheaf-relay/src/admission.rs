//! Whose spaces are taken in.
//!
//! A relay costs its operator disk and traffic, so hosting a space is asked for, and answered. Once a space is hosted,
//! who may write in it is the space's own affair (A2), and admission is not asked again: its members come and go without
//! the operator. Taking a name off a list, or changing the token, turns nobody out; `sheaf-relay space remove` does.
//!
//! Nothing is decided here about reading: there is nothing to read.

use std::collections::BTreeSet;
use std::path::Path;

use sheaf_access::{PersonId, SpaceId};

use crate::config::{self, Mode, Token};

/// Where a token is kept that nobody chose.
const TOKEN: &str = "token";
/// What a made token has of randomness, in bytes.
const RANDOM: usize = 20;

/// The rules of admission in force.
#[derive(Debug, Clone)]
pub struct Admission {
    mode: Mode,
    /// Only its hash is kept and compared: comparing hashes takes as long whatever was guessed.
    token: blake3::Hash,
    persons: BTreeSet<PersonId>,
    spaces: BTreeSet<SpaceId>,
}

/// A device asks for a space to be hosted.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Which.
    pub space: SpaceId,
    /// Whose device it is, once that is proved by the space's own entries.
    pub person: Option<PersonId>,
    /// The token that the link gave it.
    pub token: Option<&'a str>,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The space is taken in.
    Admitted,
    /// It depends on the person: ask again when it is known.
    WhoAsks,
    /// It is not.
    Refused(NotHosted),
}

/// Why a space is not taken in, in words for whoever asked. Nothing is lost: it stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotHosted {
    /// It takes a token, and none was shown.
    #[error("this relay takes in spaces of those who have its link. Ask whoever runs it for the link, and add that.")]
    NoToken,
    /// The token is not the relay's, or not any more.
    #[error("the link of this relay has changed. Ask whoever runs it for the new one, and add that.")]
    WrongToken,
    /// Neither the person nor the space is on the list.
    #[error(
        "this relay takes in spaces of certain people only. Send whoever runs it your id, which `sheaf whoami` prints."
    )]
    NotListed,
}

impl Admission {
    /// These rules, with this token.
    pub fn new(rules: &config::Admission, token: &Token) -> Self {
        Self {
            mode: rules.mode,
            token: blake3::hash(token.expose().as_bytes()),
            persons: rules.persons.0.iter().copied().collect(),
            spaces: rules.spaces.0.iter().copied().collect(),
        }
    }

    /// What one relay shows another of a space that it keeps: that it has the same token.
    pub fn proof(&self, space: SpaceId) -> [u8; 32] {
        *blake3::keyed_hash(self.token.as_bytes(), space.as_bytes()).as_bytes()
    }

    /// What one relay shows another of an operator's removal of a space: that it has the same token.
    pub fn removal_proof(&self, space: SpaceId, at: u64) -> [u8; 32] {
        // Longer than what a space's proof is of, so that neither can be taken for the other.
        let what = [b"removal".as_slice(), space.as_bytes(), &at.to_le_bytes()].concat();
        *blake3::keyed_hash(self.token.as_bytes(), &what).as_bytes()
    }

    /// Whether a space is taken in that another relay passes on. It is as if whoever brought it there had come here: the proof
    /// stands for the token that was shown.
    pub fn decide_passed_on(&self, space: SpaceId, proof: &[u8; 32]) -> Decision {
        match self.mode {
            // Comparing hashes takes as long whatever was guessed.
            Mode::Token if blake3::Hash::from_bytes(self.proof(space)) == blake3::Hash::from_bytes(*proof) => {
                Decision::Admitted
            }
            Mode::Token => Decision::Refused(NotHosted::WrongToken),
            Mode::Open | Mode::List => self.decide(&Ask { space, person: None, token: None }),
        }
    }

    /// Whether a token is what decides, and whoever shows this one has it.
    pub fn knows(&self, token: &[u8]) -> bool {
        // Comparing hashes takes as long whatever was guessed.
        self.mode == Mode::Token && blake3::hash(token) == self.token
    }

    /// Whether a space is taken in.
    pub fn decide(&self, ask: &Ask<'_>) -> Decision {
        match self.mode {
            Mode::Open => Decision::Admitted,
            Mode::Token => match ask.token {
                None => Decision::Refused(NotHosted::NoToken),
                Some(token) if blake3::hash(token.as_bytes()) == self.token => Decision::Admitted,
                Some(_) => Decision::Refused(NotHosted::WrongToken),
            },
            Mode::List if self.spaces.contains(&ask.space) => Decision::Admitted,
            Mode::List if self.persons.is_empty() => Decision::Refused(NotHosted::NotListed),
            Mode::List => match ask.person {
                None => Decision::WhoAsks,
                Some(person) if self.persons.contains(&person) => Decision::Admitted,
                Some(_) => Decision::Refused(NotHosted::NotListed),
            },
        }
    }
}

/// The token could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The system says so.
    #[error("{path}: {source}. The relay keeps its token there; see to it that it may read and write the data folder.")]
    File {
        /// Which file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("{0} holds no token. Delete it, and the relay makes a new one: people then need the new link.")]
    NotAToken(String),
    /// It cannot be written.
    #[error(transparent)]
    Store(#[from] sheaf_store::StoreError),
}

impl Token {
    /// The token in a data folder; made at the first start, for its owner's eyes only.
    pub fn of_folder(data: &Path) -> Result<Self, TokenError> {
        let path = data.join(TOKEN);
        let failed = |source| TokenError::File { path: path.display().to_string(), source };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let text = text.trim();
                let sound = (16..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
                if sound { Ok(Self::new(text)) } else { Err(TokenError::NotAToken(path.display().to_string())) }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let random: [u8; RANDOM] = rand::random();
                let text = data_encoding::BASE32_NOPAD.encode(&random).to_ascii_lowercase();
                sheaf_store::write_whole(&path, format!("{text}\n").as_bytes())?;
                Ok(Self::new(text))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, List};

    const SPACE: SpaceId = SpaceId::from_bytes([1; 32]);
    const ANA: PersonId = PersonId::from_bytes([2; 32]);
    const BEN: PersonId = PersonId::from_bytes([3; 32]);

    fn rules(mode: Mode, persons: &[PersonId], spaces: &[SpaceId]) -> Admission {
        let rules = config::Admission {
            mode,
            persons: List(persons.to_vec()),
            spaces: List(spaces.to_vec()),
            ..Config::default().admission
        };
        Admission::new(&rules, &Token::new("the relay's own token"))
    }

    fn ask(person: Option<PersonId>, token: Option<&str>) -> Ask<'_> {
        Ask { space: SPACE, person, token }
    }

    #[test]
    fn an_open_relay_takes_in_anyones() {
        assert_eq!(rules(Mode::Open, &[], &[]).decide(&ask(None, None)), Decision::Admitted);
    }

    #[test]
    fn with_a_token_it_is_the_token_that_counts() {
        let rules = rules(Mode::Token, &[], &[]);
        assert_eq!(rules.decide(&ask(None, Some("the relay's own token"))), Decision::Admitted);
        assert_eq!(rules.decide(&ask(None, Some("the relay's old token"))), Decision::Refused(NotHosted::WrongToken));
        assert_eq!(rules.decide(&ask(Some(ANA), None)), Decision::Refused(NotHosted::NoToken));
    }

    #[test]
    fn what_another_relay_passes_on_is_decided_as_if_it_had_been_brought_here() {
        let token = rules(Mode::Token, &[], &[]);
        let other = Admission::new(&Config::default().admission, &Token::new("another relay's token"));
        assert_eq!(token.decide_passed_on(SPACE, &token.proof(SPACE)), Decision::Admitted);
        assert_eq!(token.decide_passed_on(SPACE, &other.proof(SPACE)), Decision::Refused(NotHosted::WrongToken));
        let elsewhere = token.proof(SpaceId::UNBORN);
        assert_eq!(token.decide_passed_on(SPACE, &elsewhere), Decision::Refused(NotHosted::WrongToken));
        let listed = rules(Mode::List, &[ANA], &[]);
        assert_eq!(listed.decide_passed_on(SPACE, &[0; 32]), Decision::WhoAsks);
        assert_eq!(rules(Mode::Open, &[], &[]).decide_passed_on(SPACE, &[0; 32]), Decision::Admitted);
    }

    #[test]
    fn with_lists_a_listed_space_or_person_is_enough() {
        let listed = rules(Mode::List, &[ANA], &[]);
        assert_eq!(listed.decide(&ask(None, None)), Decision::WhoAsks);
        assert_eq!(listed.decide(&ask(Some(ANA), None)), Decision::Admitted);
        assert_eq!(listed.decide(&ask(Some(BEN), None)), Decision::Refused(NotHosted::NotListed));
        let listed = rules(Mode::List, &[], &[SPACE]);
        assert_eq!(listed.decide(&ask(None, None)), Decision::Admitted);
        let other = Ask { space: SpaceId::UNBORN, ..ask(Some(ANA), None) };
        assert_eq!(listed.decide(&other), Decision::Refused(NotHosted::NotListed));
    }

    #[test]
    fn a_token_is_made_once_and_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let made = Token::of_folder(folder.path()).expect("it is made");
        assert_eq!(made.expose().len(), 32);
        assert_eq!(Token::of_folder(folder.path()).expect("it is there"), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let permissions = std::fs::metadata(folder.path().join(TOKEN)).expect("it is there").permissions();
            assert_eq!(permissions.mode() & 0o777, 0o600);
        }
        std::fs::write(folder.path().join(TOKEN), "short").expect("it can be written");
        assert!(matches!(Token::of_folder(folder.path()), Err(TokenError::NotAToken(_))));
    }
}
