//! Order keys: the place of a document among its siblings, as text that sorts.
//!
//! A key is a row of digits `0-9a-z` after an imagined point, read as a fraction; so between any two there is always
//! another, and moving one document writes one value. What a key says ends in a few letters of the document's id: two
//! people who move two documents to one place at the same time then write two keys, and everyone sees the same order.
//!
//! A document that nobody has moved has the key of the time it was made. A place at the end is the time as well, so that
//! keys stay short where most documents go.

/// The digits, in their order.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// A digit in the middle.
const MIDDLE: char = 'i';
/// How many letters of a document's id its key ends in.
const OWN: usize = 5;
/// Longer keys are not read: nobody writes them.
const LONGEST: usize = 400;
/// When a key would be longer than this, all siblings are given short ones.
pub(super) const LONG: usize = 120;

/// Whether a text can be a key. One that ends in `0` has nothing before it that is after its beginning.
pub(super) fn is_key(text: &str) -> bool {
    text.len() <= LONGEST
        && text.bytes().all(|digit| DIGITS.contains(&digit))
        && text.bytes().last().is_some_and(|last| last != b'0')
}

/// The key of a document by the time, in milliseconds since 1970.
pub(super) fn by_time(time: i64, id: &str) -> String {
    format!("{:011x}{}", time.clamp(0, (1 << 44) - 1), own(id))
}

/// A key between two others for this document; none stands for the beginning and the end. If they are the wrong way
/// round or the same, the key is after the first.
pub(super) fn between(after: Option<&str>, before: Option<&str>, id: &str) -> String {
    let after = after.unwrap_or_default();
    let before = before.filter(|before| after < *before);
    let mut key = String::new();
    middle(after.as_bytes(), before.map(str::as_bytes), &mut key);
    key + &own(id)
}

/// Short keys for the documents of a row, in their order. They are all before the keys of any time.
pub(super) fn spread<'i>(ids: impl ExactSizeIterator<Item = &'i str>) -> Vec<String> {
    let wide = format!("{:x}", ids.len()).len();
    ids.enumerate().map(|(at, id)| format!("0{at:0wide$x}{}", own(id))).collect()
}

/// The end of a key: letters of the id, and a digit that is not the first.
fn own(id: &str) -> String {
    let digit = |c: char| if c.is_ascii_digit() || c.is_ascii_lowercase() { c } else { MIDDLE };
    id.chars().take(OWN).map(digit).chain([MIDDLE]).collect()
}

/// Digits between two rows of them. What comes out is below the second at some digit, and never just its beginning: so
/// whatever is put behind it stays between the two.
fn middle(mut after: &[u8], mut before: Option<&[u8]>, key: &mut String) {
    loop {
        let low = after.first().map_or(0, |digit| value(*digit));
        let high = match before {
            // What is before ends in something that is not 0, so it cannot end here while it is still the same.
            Some(row) => row.first().map_or(0, |digit| value(*digit)),
            None => DIGITS.len(),
        };
        if high > low + 1 {
            key.push(char::from(DIGITS[low.midpoint(high)]));
            return;
        }
        key.push(char::from(DIGITS[low]));
        after = after.get(1..).unwrap_or_default();
        before = match before {
            Some(row) if high == low && !row.is_empty() => Some(&row[1..]),
            _ => None,
        };
    }
}

fn value(digit: u8) -> usize {
    DIGITS.iter().position(|known| *known == digit).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cases(usual: u32) -> ProptestConfig {
        let asked = std::env::var("SHEAF_CASES").ok().and_then(|text| text.parse().ok());
        ProptestConfig::with_cases(asked.unwrap_or(usual))
    }

    proptest! {
        #![proptest_config(cases(2_000))]

        #[test]
        fn there_is_always_a_key_between(a in "[0-9a-z]{0,6}[1-9a-z]", b in "[0-9a-z]{0,6}[1-9a-z]", id in "[a-z2-7]{0,8}") {
            let (low, high) = if a <= b { (&a, &b) } else { (&b, &a) };
            for (after, before) in [(Some(low), Some(high)), (None, Some(low)), (Some(high), None), (None, None)] {
                let key = between(after.map(String::as_str), before.map(String::as_str), &id);
                prop_assert!(is_key(&key), "{}", key);
                prop_assert!(after.is_none_or(|after| *after < key), "{:?} < {}", after, key);
                prop_assert!(before.is_none_or(|before| Some(before) == after || key < *before), "{} < {:?}", key, before);
            }
        }
    }

    #[test]
    fn keys_of_times_and_rows_are_keys_in_their_order() {
        let keys = [
            by_time(-5, "x"),
            by_time(1, "b"),
            by_time(2, "a"),
            by_time(1_700_000_000_000, "Ü!"),
            by_time(i64::MAX, "z"),
        ];
        assert!(keys.iter().all(|key| is_key(key)) && keys.is_sorted(), "{keys:?}");
        let ids: Vec<String> = (0..300).map(|id| format!("d{id}")).collect();
        let row = spread(ids.iter().map(String::as_str));
        assert!(row.iter().all(|key| is_key(key)) && row.is_sorted());
        assert!(row.last().is_some_and(|last| *last < by_time(1_700_000_000_000, "a")));
        assert!(!is_key("") && !is_key("a0") && !is_key("A") && !is_key(&"a".repeat(LONGEST + 1)));
    }
}
