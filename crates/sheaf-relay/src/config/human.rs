//! Values as people write them: `64 MiB`, `7 days`, `off`, `unlimited`.
//!
//! Each of these types reads the text that it prints, so that a printed configuration is a configuration. A bare number is
//! read too, from a file where it need not be quoted.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is not a value of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct NotReadable {
    text: String,
    what: &'static str,
}

impl NotReadable {
    fn new(text: &str, what: &'static str) -> Self {
        Self { text: text.chars().take(64).collect(), what }
    }
}

const UNLIMITED: &str = "unlimited";
const NEVER: &str = "never";
const OFF: &str = "off";

/// A number of bytes; `unlimited` is the largest there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A number of things; `unlimited` is the largest there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A length of time after which something happens, or `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After(pub Option<Duration>);

/// An address to listen on, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door(pub Option<SocketAddr>);

/// Several values: an array in a file, separated by commas in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Splits `64 MiB` into its number and its unit in small letters.
fn number_and_unit(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number.replace('_', "").parse().ok()?;
    Some((number, unit.trim().to_ascii_lowercase()))
}

impl FromStr for Bytes {
    type Err = NotReadable;

    fn from_str(text: &str) -> Result<Self, NotReadable> {
        let wrong = || NotReadable::new(text, "a size; write for example 500 MB, 64 MiB or unlimited");
        if text.trim() == UNLIMITED {
            return Ok(Self(u64::MAX));
        }
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor).ok_or_else(wrong)?;
        number.checked_mul(factor).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            u64::MAX => f.write_str(UNLIMITED),
            0 => f.write_str("0 B"),
            bytes => {
                let binary = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
                let (unit, factor) =
                    binary.into_iter().find(|(_, factor)| bytes.is_multiple_of(*factor)).unwrap_or(("B", 1));
                write!(f, "{} {unit}", bytes / factor)
            }
        }
    }
}

impl FromStr for Count {
    type Err = NotReadable;

    fn from_str(text: &str) -> Result<Self, NotReadable> {
        if text.trim() == UNLIMITED {
            return Ok(Self(u64::MAX));
        }
        match number_and_unit(text) {
            Some((number, unit)) if unit.is_empty() => Ok(Self(number)),
            _ => Err(NotReadable::new(text, "a number; write for example 1000 or unlimited")),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == u64::MAX { f.write_str(UNLIMITED) } else { write!(f, "{}", self.0) }
    }
}

impl Count {
    /// As a number of things in memory.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

const DAY: u64 = 24 * 60 * 60;
const TIMES: [(&[&str], u64); 6] = [
    (&["ms"], 1),
    (&["s", "second", "seconds"], 1_000),
    (&["min", "minute", "minutes"], 60_000),
    (&["h", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], DAY * 1_000),
    (&["w", "week", "weeks"], 7 * DAY * 1_000),
];

impl FromStr for Span {
    type Err = NotReadable;

    fn from_str(text: &str) -> Result<Self, NotReadable> {
        let wrong = || NotReadable::new(text, "a time; write for example 250 ms, 10 s, 5 min, 2 h or 7 days");
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let factor = TIMES.iter().find(|(names, _)| names.contains(&unit.as_str())).map(|(_, factor)| *factor);
        let millis = factor.and_then(|factor| number.checked_mul(factor)).ok_or_else(wrong)?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units: [(&str, u128); 5] =
            [(" days", u128::from(DAY) * 1_000), (" h", 3_600_000), (" min", 60_000), (" s", 1_000), (" ms", 1)];
        let (unit, factor) =
            units.into_iter().find(|(_, factor)| millis > 0 && millis.is_multiple_of(*factor)).unwrap_or((" ms", 1));
        write!(f, "{}{unit}", millis / factor)
    }
}

impl FromStr for After {
    type Err = NotReadable;

    fn from_str(text: &str) -> Result<Self, NotReadable> {
        if text.trim() == NEVER {
            return Ok(Self(None));
        }
        let wrong = |_| NotReadable::new(text, "a time; write for example 7 days, or never");
        Span::from_str(text).map(|span| Self(Some(span.0))).map_err(wrong)
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str(NEVER),
            Some(time) => Span(time).fmt(f),
        }
    }
}

impl FromStr for Door {
    type Err = NotReadable;

    fn from_str(text: &str) -> Result<Self, NotReadable> {
        if text.trim() == OFF {
            return Ok(Self(None));
        }
        let wrong = |_| NotReadable::new(text, "an address; write for example 127.0.0.1:4480, [::]:4480 or off");
        text.trim().parse().map(|address| Self(Some(address))).map_err(wrong)
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str(OFF),
            Some(address) => address.fmt(f),
        }
    }
}

/// Reads a value from a text, or from a bare number.
struct Reader<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

macro_rules! readable {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Reader(std::marker::PhantomData))
            }
        }
    )*};
}

readable!(Bytes, Count, Span, After, Door);

impl<T: fmt::Display> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(std::marker::PhantomData<T>);

        impl<'de, T: FromStr<Err: fmt::Display>> de::Visitor<'de> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts, or one text with commas")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<List<T>, E> {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(|item| item.parse().map_err(E::custom)).collect::<Result<_, E>>().map(List)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element::<String>()? {
                    list.push(item.parse().map_err(<A::Error as de::Error>::custom)?);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_any(Items(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cases;

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        for (text, bytes) in [("0", 0), ("64 MiB", 64 << 20), ("1GB", 1_000_000_000), ("2 kib", 2048), ("7b", 7)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for (text, millis) in [("10 s", 10_000), ("250ms", 250), ("2 hours", 7_200_000), ("1 week", 604_800_000)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
        assert_eq!("never".parse(), Ok(After(None)));
        assert_eq!("off".parse(), Ok(Door(None)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_an_example() {
        for text in ["", "MiB", "5 parsecs", "-1", "1.5 GiB", "99999999999999999999", "18446744073709551615 KiB"] {
            let error = text.parse::<Bytes>().expect_err(text);
            assert!(error.to_string().contains("64 MiB"), "{error}");
        }
        assert!("5".parse::<Span>().is_err(), "a time without a unit says nothing");
        assert!("12 things".parse::<Count>().is_err());
        assert!("localhost:80".parse::<Door>().is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(512)))]

        #[test]
        fn what_is_printed_is_read_back(number in any::<u64>(), millis in 0..u64::MAX / 2) {
            prop_assert_eq!(Bytes(number).to_string().parse(), Ok(Bytes(number)));
            prop_assert_eq!(Count(number).to_string().parse(), Ok(Count(number)));
            let span = Span(Duration::from_millis(millis));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }

        #[test]
        fn no_text_is_too_strange_to_be_refused(text in ".{0,40}") {
            let _ = text.parse::<Bytes>();
            let _ = text.parse::<Span>();
            let _ = text.parse::<After>();
            let _ = text.parse::<Door>();
        }
    }
}
