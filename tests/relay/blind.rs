//! What a relay has: no word, no title, no name and no key, on its disk or in its memory.

use sheaf_access::InvitationLink;
use sheaf_tests::contains;

use crate::{SPACE, TITLE, WORDS, joins, kept};

#[test]
fn nothing_that_a_relay_has_can_be_read() {
    let kept = kept();
    let ben = joins(&kept, "Benedikt Achterberg", "editor");
    ben.ok(&["doc", "edit", &kept.document, "--append", "Pelicans negotiate quietly."]);
    ben.sync();
    // Who may not write says their name in an access entry, which the relay has, sealed.
    joins(&kept, "Zuleika Mbeki", "viewer");
    // One that is open still: its secret opens everything, and the relay has never seen it.
    let link = kept.ana.ok(&["invite", &kept.space, "--role", "viewer"]).last_line();
    let invitation: InvitationLink = link.parse().expect("a link");
    // While someone is there, so that the space is in its memory, not only on its disk.
    let online = kept.ana.online();
    let ran = ben.ok(&["sync", "--once", "--json"]).json();
    assert!(
        ran["reached"].as_array().is_some_and(|reached| reached.iter().any(|one| *one == *kept.relay.id())),
        "{ran}"
    );

    let sealing = invitation.secret.sealing_secret();
    let mut secrets: Vec<(&str, Vec<u8>)> = vec![
        ("the secret of an invitation", invitation.secret.as_bytes().to_vec()),
        ("the key of an invitation", sealing.as_bytes().to_vec()),
    ];
    for text in [
        SPACE,
        TITLE,
        WORDS,
        "marmalade",
        "Pelicans negotiate quietly.",
        "Anastasia",
        "Benedikt",
        "Achterberg",
        "Zuleika",
        "Mbeki",
    ] {
        secrets.push((text, text.as_bytes().to_vec()));
        secrets.push((text, text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    }
    let disk = kept.relay.disk();
    let memory = kept.relay.memory();
    online.stop();
    assert!(kept.ana.ok(&["members", &kept.space]).stdout.contains("Zuleika Mbeki"), "the members know it");
    // That what is looked for would be found: the space's id is on the disk, and in the memory.
    let id: sheaf_access::SpaceId = kept.space.parse().expect("a space's id");
    assert!(disk.iter().any(|(_, bytes)| contains(bytes, id.as_bytes())), "the space is not on the disk");
    assert!(memory.iter().any(|bytes| contains(bytes, id.as_bytes())), "the space is not in the memory");
    for (what, secret) in secrets {
        for (path, bytes) in &disk {
            assert!(!contains(bytes, &secret), "{what} is in {}", path.display());
        }
        assert!(!memory.iter().any(|bytes| contains(bytes, &secret)), "{what} is in the relay's memory");
    }
}
