//! The two sides against each other, and against whoever else may come.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::{DeviceCertificate, DeviceId, DeviceKeys, PersonKey, SpaceId};

fn cases(usual: u32) -> u32 {
    std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

/// A person with a device.
struct Someone {
    root: PersonKey,
    keys: DeviceKeys,
}

impl Someone {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self { root: PersonKey::generate(&mut rng), keys: DeviceKeys::generate(&mut rng) }
    }

    fn certificate(&self) -> DeviceCertificate {
        DeviceCertificate::issue(&self.root, &self.keys)
    }

    fn calls(&self, code: &PairingCode) -> OldDevice {
        OldDevice::new(code.clone(), self.certificate(), [9; 32], 0)
    }

    fn welcome(&self, old: &OldDevice) -> Welcome {
        let certificate = old.certify(&self.root).expect("it has answered");
        let private = SpaceId::from_bytes([4; 32]);
        Welcome { certificate, name: "Ana".into(), colour: 3, private, devices: vec![] }
    }
}

const CHANNEL: [u8; 32] = [1; 32];

/// A new device with the code it shows.
fn shown(seed: u64) -> (NewDevice, PairingCode, DeviceKeys) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let keys = DeviceKeys::generate(&mut rng);
    let secret = PairingSecret::generate(&mut rng);
    let new = NewDevice::new(keys.id(), keys.sealing_key(), "laptop", secret.clone(), 0);
    (new, PairingCode { device: keys.id(), secret, addresses: vec!["192.0.2.1:5000".into()] }, keys)
}

/// What is sent, and to whom.
fn sent(steps: &[NewStep]) -> Vec<PairingFrame> {
    steps
        .iter()
        .filter_map(|step| if let NewStep::Send(_, frame) = step { Some(frame.clone()) } else { None })
        .collect()
}

fn said(steps: &[OldStep]) -> Vec<PairingFrame> {
    steps.iter().filter_map(|step| if let OldStep::Send(frame) = step { Some(frame.clone()) } else { None }).collect()
}

fn greet(old: &mut OldDevice, channel: &[u8; 32]) -> PairingFrame {
    said(&old.connected(channel, 1)).remove(0)
}

fn refused(steps: &[NewStep]) -> Option<PairingRefusal> {
    match sent(steps)[..] {
        [PairingFrame::Refuse(reason)] => Some(reason),
        _ => None,
    }
}

/// Up to the words, which are the same on both.
fn met(new: &mut NewDevice, old: &mut OldDevice, from: DeviceId) -> [&'static str; 6] {
    let steps = new.heard(from, &CHANNEL, greet(old, &CHANNEL), [7; 32], 2);
    let Some(NewStep::Words(peer, shown)) = steps.last() else { panic!("{steps:?}") };
    assert_eq!(*peer, from);
    let answered = old.heard(new.device(), sent(&steps).remove(0), 3);
    let [OldStep::Words { name, words }] = &answered[..] else { panic!("{answered:?}") };
    assert_eq!((name.as_str(), words), ("laptop", shown));
    *words
}

#[test]
fn a_device_is_paired() {
    let (ana, (mut new, code, keys)) = (Someone::new(1), shown(2));
    let mut old = ana.calls(&code);
    met(&mut new, &mut old, ana.keys.id());
    let welcome = ana.welcome(&old);
    let frame = said(&old.confirm(welcome.clone(), 4)).remove(0);
    let steps = new.heard(ana.keys.id(), &CHANNEL, frame, [0; 32], 5);
    assert_eq!(steps, vec![NewStep::Become(Box::new(welcome.clone()))]);
    let consent = welcome.certificate.consent(&keys);
    let done = sent(&new.stored(Some(consent))).remove(0);
    let finished = old.heard(keys.id(), done, 6);
    assert_eq!(finished, vec![OldStep::Done { certificate: welcome.certificate, consent }]);
    assert!(new.is_over() && old.is_over());
}

#[test]
fn a_code_is_used_once() {
    let (ana, ben, (mut new, code, keys)) = (Someone::new(1), Someone::new(3), shown(2));
    let mut old = ana.calls(&code);
    met(&mut new, &mut old, ana.keys.id());
    let mut other = ben.calls(&code);
    let frame = greet(&mut other, &[8; 32]);
    let steps = new.heard(ben.keys.id(), &[8; 32], frame, [7; 32], 3);
    assert_eq!(refused(&steps), Some(PairingRefusal::Used), "while the words are compared");
    // Whoever was there first goes on.
    let frame = said(&old.confirm(ana.welcome(&old), 4)).remove(0);
    let steps = new.heard(ana.keys.id(), &CHANNEL, frame, [0; 32], 5);
    let [NewStep::Become(welcome)] = &steps[..] else { panic!("{steps:?}") };
    new.stored(Some(welcome.certificate.consent(&keys)));
    let mut again = ana.calls(&code);
    let steps = new.heard(ana.keys.id(), &CHANNEL, greet(&mut again, &CHANNEL), [7; 32], 6);
    assert_eq!(refused(&steps), Some(PairingRefusal::Used), "and after");
}

#[test]
fn a_wrong_secret_changes_nothing() {
    let (ana, ben, (mut new, code, _)) = (Someone::new(1), Someone::new(3), shown(2));
    let wrong = PairingCode { secret: shown(5).1.secret, ..code.clone() };
    let frame = greet(&mut ben.calls(&wrong), &CHANNEL);
    let steps = new.heard(ben.keys.id(), &CHANNEL, frame, [7; 32], 2);
    assert_eq!(refused(&steps), Some(PairingRefusal::OtherSecret));
    met(&mut new, &mut ana.calls(&code), ana.keys.id());
}

#[test]
fn what_was_heard_is_worth_nothing_elsewhere() {
    let (ana, ben, (mut new, code, _)) = (Someone::new(1), Someone::new(3), shown(2));
    let frame = greet(&mut ana.calls(&code), &CHANNEL);
    let replayed = new.heard(ana.keys.id(), &[2; 32], frame.clone(), [7; 32], 2);
    assert_eq!(refused(&replayed), Some(PairingRefusal::OtherSecret), "on another connection");
    let passed_off = new.heard(ben.keys.id(), &CHANNEL, frame, [7; 32], 2);
    assert_eq!(refused(&passed_off), Some(PairingRefusal::Rules), "by another device");
}

#[test]
fn two_exchanges_show_other_words() {
    let ana = Someone::new(1);
    let words = |seed| {
        let (mut new, code, _) = shown(seed);
        met(&mut new, &mut ana.calls(&code), ana.keys.id())
    };
    assert_ne!(words(2), words(6));
}

#[test]
fn a_certificate_for_someone_else_is_not_taken() {
    let (ana, ben) = (Someone::new(1), Someone::new(3));
    for wrong in 0..4 {
        let (mut new, code, keys) = shown(2);
        let mut old = ana.calls(&code);
        met(&mut new, &mut old, ana.keys.id());
        let mut welcome = ana.welcome(&old);
        match wrong {
            0 => welcome.certificate = DeviceCertificate::issue_for(&ben.root, keys.id(), keys.sealing_key()),
            1 => welcome.certificate.sealing_key = ben.keys.sealing_key(),
            2 => welcome.certificate = ana.certificate(),
            _ => welcome.certificate.signature = ana.certificate().signature,
        }
        let steps = new.heard(ana.keys.id(), &CHANNEL, PairingFrame::Welcome(Box::new(welcome)), [0; 32], 5);
        assert_eq!(refused(&steps), Some(PairingRefusal::Rules), "{wrong}");
        assert_eq!(steps.last(), Some(&NewStep::Failed(PairingRefusal::Rules)));
    }
}

#[test]
fn a_welcome_is_taken_only_from_whom_the_words_are_with() {
    let (ana, ben, (mut new, code, keys)) = (Someone::new(1), Someone::new(3), shown(2));
    let welcome = |who: &Someone| Welcome {
        certificate: DeviceCertificate::issue_for(&who.root, keys.id(), keys.sealing_key()),
        name: "Ben".into(),
        colour: 1,
        private: SpaceId::from_bytes([4; 32]),
        devices: vec![],
    };
    let frame = |who: &Someone| PairingFrame::Welcome(Box::new(welcome(who)));
    assert_eq!(new.heard(ben.keys.id(), &CHANNEL, frame(&ben), [0; 32], 1), vec![], "before anyone came");
    met(&mut new, &mut ana.calls(&code), ana.keys.id());
    assert_eq!(new.heard(ben.keys.id(), &CHANNEL, frame(&ben), [0; 32], 4), vec![]);
    assert_eq!(new.heard(ben.keys.id(), &CHANNEL, PairingFrame::Refuse(PairingRefusal::Cancelled), [0; 32], 4), vec![]);
    assert!(!new.is_over());
}

#[test]
fn either_side_can_say_no() {
    let (ana, (mut new, code, _)) = (Someone::new(1), shown(2));
    let mut old = ana.calls(&code);
    met(&mut new, &mut old, ana.keys.id());
    let no = said(&old.cancel()).remove(0);
    let steps = new.heard(ana.keys.id(), &CHANNEL, no, [0; 32], 4);
    assert_eq!(steps, vec![NewStep::Failed(PairingRefusal::Cancelled)]);

    let (mut new, code, keys) = shown(2);
    let mut old = ana.calls(&code);
    met(&mut new, &mut old, ana.keys.id());
    let no = sent(&new.cancel()).remove(0);
    assert_eq!(old.heard(keys.id(), no, 4), vec![OldStep::Failed(PairingRefusal::Cancelled)]);
    assert_eq!(old.confirm(welcome_of(&ana, &keys), 5), vec![], "it is over");
}

fn welcome_of(ana: &Someone, keys: &DeviceKeys) -> Welcome {
    let certificate = DeviceCertificate::issue_for(&ana.root, keys.id(), keys.sealing_key());
    Welcome { certificate, name: "Ana".into(), colour: 1, private: SpaceId::from_bytes([4; 32]), devices: vec![] }
}

#[test]
fn time_runs_out() {
    let (ana, (mut new, code, _)) = (Someone::new(1), shown(2));
    assert_eq!(new.tick(CODE_LIFE - 1), vec![]);
    let frame = greet(&mut ana.calls(&code), &CHANNEL);
    let late = new.heard(ana.keys.id(), &CHANNEL, frame, [7; 32], CODE_LIFE);
    assert_eq!(refused(&late), Some(PairingRefusal::NoCode));
    assert_eq!(new.tick(CODE_LIFE), vec![NewStep::Failed(PairingRefusal::NoCode)]);

    let (mut new, code, _) = shown(2);
    let mut old = ana.calls(&code);
    assert_eq!(old.tick(ANSWERING - 1), vec![]);
    met(&mut new, &mut old, ana.keys.id());
    assert_eq!(old.tick(ANSWERING + 1), vec![], "comparing takes longer");
    assert_eq!(old.tick(COMPARING + 3).last(), Some(&OldStep::Failed(PairingRefusal::Lost)));
    assert_eq!(new.tick(COMPARING + 3).last(), Some(&NewStep::Failed(PairingRefusal::NoCode)));
}

#[test]
fn a_connection_that_breaks_is_made_anew_until_there_are_words() {
    let (ana, (mut new, code, _)) = (Someone::new(1), shown(2));
    let mut old = ana.calls(&code);
    greet(&mut old, &[3; 32]);
    assert_eq!(old.gone(), vec![]);
    met(&mut new, &mut old, ana.keys.id());
    assert_eq!(old.gone(), vec![OldStep::Failed(PairingRefusal::Lost)]);
    // The person tries again, from the same device.
    met(&mut new, &mut ana.calls(&code), ana.keys.id());
}

#[test]
fn an_answer_with_another_proof_ends_it() {
    let (ana, (mut new, code, keys)) = (Someone::new(1), shown(2));
    let mut old = ana.calls(&code);
    let steps = new.heard(ana.keys.id(), &CHANNEL, greet(&mut old, &CHANNEL), [7; 32], 2);
    let PairingFrame::Answer { name, nonce, proof, .. } = sent(&steps).remove(0) else { panic!("{steps:?}") };
    let sealing_key = ana.keys.sealing_key();
    let steps = old.heard(keys.id(), PairingFrame::Answer { sealing_key, name, nonce, proof }, 3);
    assert_eq!(steps.last(), Some(&OldStep::Failed(PairingRefusal::Rules)));
}

fn any_frame() -> impl Strategy<Value = PairingFrame> {
    let (ana, keys) = (Someone::new(1), shown(2).2);
    let welcome = PairingFrame::Welcome(Box::new(welcome_of(&ana, &keys)));
    let consent = ana.certificate().consent(&keys);
    let certificate = ana.certificate();
    prop_oneof![
        any::<([u8; 32], [u8; 32])>().prop_map(move |(nonce, proof)| PairingFrame::Greet { certificate, nonce, proof }),
        (any::<([u8; 32], [u8; 32])>(), "\\PC{0,80}").prop_map(move |((nonce, proof), name)| PairingFrame::Answer {
            sealing_key: certificate.sealing_key,
            name,
            nonce,
            proof
        }),
        Just(welcome),
        Just(PairingFrame::Done { consent }),
        Just(PairingFrame::Refuse(PairingRefusal::Used)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(500)))]

    #[test]
    fn codes_come_back(seed: u64, addresses in prop::collection::vec("[!-~]{1,60}", 0..=16)) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let device = DeviceKeys::generate(&mut rng).id();
        let code = PairingCode { device, secret: PairingSecret::generate(&mut rng), addresses };
        let text = code.to_text().unwrap();
        prop_assert_eq!(&text.parse::<PairingCode>().unwrap(), &code);
        prop_assert_eq!(&format!("see <{}>.", text.to_uppercase()).parse::<PairingCode>().unwrap(), &code);
    }

    #[test]
    fn a_code_that_was_cut_or_mistyped_says_which(seed: u64, at in any::<prop::sample::Index>(), to in "[a-z2-7]") {
        let code = shown(seed).1.to_text().unwrap();
        let at = "sheaf://pair/".len() + at.index(code.len() - "sheaf://pair/".len());
        prop_assert_eq!(code[..at].parse::<PairingCode>(), Err(ParsePairingError::CutShort));
        let changed = format!("{}{to}{}", &code[..at], &code[at + 1..]);
        if changed != code {
            // A letter may hold bits that no byte has: then nothing was changed.
            match changed.parse::<PairingCode>() {
                Ok(read) => prop_assert_eq!(read.to_text().unwrap(), code),
                Err(error) => prop_assert!(matches!(error, ParsePairingError::Mistyped | ParsePairingError::CutShort)),
            }
        }
    }

    #[test]
    fn anything_else_is_not_a_code(text in "\\PC{0,200}") {
        prop_assert_eq!(text.parse::<PairingCode>(), Err(ParsePairingError::NotACode));
        let invitation = format!("sheaf://join/{text}");
        prop_assert_eq!(invitation.parse::<PairingCode>(), Err(ParsePairingError::NotACode));
    }

    #[test]
    fn frames_come_back_and_any_bytes_are_judged(frame in any_frame(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(PairingFrame::decode(&frame.encode()), Ok(frame.clone()));
        let mut longer = frame.encode();
        longer.push(0);
        prop_assert!(PairingFrame::decode(&longer).is_err());
        if let Ok(read) = PairingFrame::decode(&bytes) {
            prop_assert!(PairingFrame::decode(&read.encode()).is_ok());
        }
    }

    /// Without the secret nobody gets further than a refusal, whatever is said in whatever order.
    #[test]
    fn strangers_get_nowhere(frames in prop::collection::vec((any_frame(), 0..3_usize), 0..12)) {
        let (mut new, code, _) = shown(2);
        let devices = [Someone::new(1).keys.id(), Someone::new(3).keys.id(), code.device];
        let mut old = Someone::new(9).calls(&code);
        for (now, (frame, from)) in frames.into_iter().enumerate() {
            for step in new.heard(devices[from], &CHANNEL, frame.clone(), [7; 32], now as u64) {
                prop_assert!(matches!(step, NewStep::Send(_, PairingFrame::Refuse(_))), "{:?}", step);
            }
            for step in old.heard(devices[from], frame, now as u64) {
                prop_assert!(matches!(step, OldStep::Failed(_) | OldStep::Send(PairingFrame::Refuse(_))), "{:?}", step);
            }
        }
    }
}
