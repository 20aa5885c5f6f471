//! Invitation links, as they fare in the mail.

mod common;

use common::{cases, rng};
use proptest::prelude::*;
use sheaf_access::{
    DeviceId, InvitationLink, InvitationSecret, LinkError, ParseLinkError, ParseRelayError, Relay, RelayLink,
    RelayLinkError, Role, SpaceId,
};

fn link() -> InvitationLink {
    InvitationLink {
        space: SpaceId::from_bytes([7; 32]),
        secret: InvitationSecret::generate(&mut rng(1)),
        device: DeviceId::from_bytes([8; 32]),
        addresses: vec!["192.168.1.20:4433".to_owned(), "[2001:db8::1]:4433".to_owned()],
        relays: Vec::new(),
        role: Role::Editor,
    }
}

#[test]
fn a_link_is_one_plain_word() {
    let text = link().to_text().unwrap();
    let token = text.strip_prefix("sheaf://join/").unwrap();
    assert!(token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    assert_eq!(text.parse(), Ok(link()));
}

#[test]
fn what_mail_programs_do_to_a_link_is_undone() {
    let text = link().to_text().unwrap();
    let (one, two) = text.split_at(76);
    let shouted = text.to_uppercase();
    for mailed in [
        shouted,
        format!("Dear Bo,\n\njoin me: <{text}>\n\nAna"),
        format!("{text}."),
        format!("{one}\r\n{two}"),
        format!("> {one}\n> {two}\n> See you"),
        format!("{one}=\n{two}"),
        format!("  {text} Ana"),
        format!("sheaf://join/{}", text[13..].replace('l', "1").replace('o', "0").replace('b', "8")),
    ] {
        assert_eq!(mailed.parse(), Ok(link()), "{mailed}");
    }
}

#[test]
fn a_link_cut_anywhere_says_that_it_was_cut() {
    let text = link().to_text().unwrap();
    for end in "sheaf://join/".len()..text.len() {
        // The last letter may hold nothing but padding bits; then the link is whole without it.
        match text[..end].parse::<InvitationLink>() {
            Err(error) => assert_eq!(error, ParseLinkError::CutShort, "cut at {end}"),
            Ok(whole) => assert!(end == text.len() - 1 && whole == link()),
        }
    }
}

#[test]
fn a_wrong_letter_is_told_apart_from_a_missing_end() {
    let text = link().to_text().unwrap();
    for at in "sheaf://join/".len()..text.len() {
        for letter in *b"a7q9" {
            let mut bent = text.clone().into_bytes();
            if bent[at] == letter {
                continue;
            }
            bent[at] = letter;
            let bent = String::from_utf8(bent).unwrap();
            match bent.parse::<InvitationLink>() {
                Err(error) => assert_eq!(error, ParseLinkError::Mistyped, "{at}"),
                // Bits of the last letter that belong to no byte.
                Ok(same) => assert!(at == text.len() - 1 && same == link()),
            }
        }
    }
}

#[test]
fn other_things_are_not_invitations() {
    for text in ["", "hello", "https://example.org/join/abc", "sheaf://doc/abc", "sheaf:join", "sheaf://joi"] {
        assert_eq!(text.parse::<InvitationLink>(), Err(ParseLinkError::NotAnInvitation), "{text}");
    }
    assert_eq!("sheaf://join/".parse::<InvitationLink>(), Err(ParseLinkError::CutShort));
    assert_eq!("sheaf://join/hellothere-you".parse::<InvitationLink>(), Err(ParseLinkError::Mistyped));
}

#[test]
fn a_link_prints_nothing_that_joins() {
    let link = link();
    let shown = format!("{link} {link:?}");
    let secret = data_encoding::BASE32_NOPAD.encode(link.secret.as_bytes()).to_ascii_lowercase();
    assert!(!shown.to_lowercase().contains(&secret[..10]) && !shown.contains("sheaf://"));
}

#[test]
fn addresses_are_bounded() {
    let many = InvitationLink { addresses: vec!["1.2.3.4:5".to_owned(); 17], ..link() };
    assert_eq!(many.to_text(), Err(LinkError::TooManyAddresses(17)));
    for bad in ["", "a b", "\u{e9}:1", &"x".repeat(129)] {
        let bad = InvitationLink { addresses: vec![bad.to_owned()], ..link() };
        assert!(matches!(bad.to_text(), Err(LinkError::BadAddress(_))));
    }
    let longest = InvitationLink { addresses: vec!["x".repeat(128); 16], ..link() };
    assert_eq!(longest.to_text().unwrap().parse(), Ok(longest));
}

fn relay() -> impl Strategy<Value = Relay> {
    let addresses = prop::collection::vec("[!-~]{1,128}", 0..=8);
    (any::<[u8; 32]>(), addresses, prop::option::of("[!-~]{0,256}")).prop_map(|(key, addresses, url)| Relay {
        key: DeviceId::from_bytes(key),
        addresses,
        url,
    })
}

#[test]
fn relays_are_bounded() {
    let relay = Relay { key: DeviceId::from_bytes([9; 32]), addresses: vec!["192.0.2.1:1".to_owned()], url: None };
    let many = InvitationLink { relays: vec![relay.clone(); 5], ..link() };
    assert_eq!(many.to_text(), Err(LinkError::BadRelays));
    let bad = Relay { addresses: vec!["two words".to_owned()], ..relay.clone() };
    assert_eq!(InvitationLink { relays: vec![bad.clone()], ..link() }.to_text(), Err(LinkError::BadRelays));
    assert_eq!(RelayLink { relay: bad, token: None }.to_text(), Err(RelayLinkError::BadAddress));
    for token in ["", "two words", &"x".repeat(129)] {
        let link = RelayLink { relay: relay.clone(), token: Some(token.to_owned().into()) };
        assert_eq!(link.to_text(), Err(RelayLinkError::BadToken));
    }
}

#[test]
fn the_link_of_a_relay_says_what_is_wrong_with_it() {
    let relay = Relay { key: DeviceId::from_bytes([9; 32]), addresses: vec!["192.0.2.1:1".to_owned()], url: None };
    let link = RelayLink { relay, token: Some("secret".to_owned().into()) };
    let text = link.to_text().unwrap();
    assert!(!format!("{link:?} {link}").contains("secret"));
    assert_eq!("sheaf://join/aaaa".parse::<RelayLink>(), Err(ParseRelayError::NotARelay));
    assert_eq!(text[..text.len() - 9].parse::<RelayLink>(), Err(ParseRelayError::CutShort));
    let middle = text.len() / 2;
    let other = if &text[middle..=middle] == "a" { "c" } else { "a" };
    let wrong = [&text[..middle], other, &text[middle + 1..]].concat();
    assert_eq!(wrong.parse::<RelayLink>(), Err(ParseRelayError::Mistyped));
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn links_come_back(space: [u8; 32], secret: [u8; 32], device: [u8; 32], role in 0..4_usize,
                       addresses in prop::collection::vec("[!-~]{1,128}", 0..=16),
                       relays in prop::collection::vec(relay(), 0..=4)) {
        let link = InvitationLink {
            space: SpaceId::from_bytes(space),
            secret: InvitationSecret::from_bytes(&secret),
            device: DeviceId::from_bytes(device),
            addresses,
            relays,
            role: [Role::Viewer, Role::Commenter, Role::Editor, Role::Owner][role],
        };
        prop_assert_eq!(link.to_text().unwrap().parse(), Ok(link));
    }

    #[test]
    fn links_of_relays_come_back(relay in relay(), token in prop::option::of("[!-~]{1,128}")) {
        let link = RelayLink { relay, token: token.map(Into::into) };
        prop_assert_eq!(link.to_text().unwrap().parse(), Ok(link));
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC*", tail in "[a-zA-Z2-7 \n>=]{0,400}") {
        prop_assert!(text.parse::<InvitationLink>().is_err());
        let joined = format!("sheaf://join/{tail}{text}");
        prop_assert!(joined.parse::<InvitationLink>().is_err());
    }
}
