//! `cargo xtask package relay`: a Debian package of the relay.
//!
//! The package has the program, a service that may touch nothing but its own folder, a configuration file, and the operators'
//! page. It is built by `dpkg-deb`, which every Debian has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// What is packaged.
#[derive(clap::Subcommand)]
pub enum What {
    /// The relay, as a Debian package
    Relay,
}

/// What else goes into the package: where it is in the workspace, where it goes, and with which rights.
const FILES: &[(&str, &str, u32)] = &[
    ("packaging/relay/sheaf-relay.service", "lib/systemd/system/sheaf-relay.service", 0o644),
    ("packaging/relay/sheaf-relay.toml", "etc/sheaf-relay.toml", 0o644),
    ("docs/operating.md", "usr/share/doc/sheaf-relay/operating.md", 0o644),
    ("LICENSE-MIT", "usr/share/doc/sheaf-relay/copyright", 0o644),
    ("packaging/relay/postinst", "DEBIAN/postinst", 0o755),
    ("packaging/relay/prerm", "DEBIAN/prerm", 0o755),
];

/// Builds what was asked for, and says where it is.
pub fn package(what: &What) -> Result<()> {
    let What::Relay = what;
    shell::run(shell::cargo().args(["build", "--release", "--locked", "-p", "sheaf-relay"]))?;
    let built = deb(Path::new("."), &shell::target().join("release/sheaf-relay"), &shell::target().join("package"))?;
    println!("{}", built.display());
    Ok(())
}

/// Debian's name of what this machine is.
fn architecture() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("no Debian package is made for {other}"),
    }
}

/// Puts the package's files together below `out`, and builds it there.
fn deb(workspace: &Path, program: &Path, out: &Path) -> Result<PathBuf> {
    if !shell::on_path("dpkg-deb") {
        bail!("dpkg-deb is missing: a Debian package is made on Debian or Ubuntu, or after `apt-get install dpkg`");
    }
    let (version, architecture) = (env!("CARGO_PKG_VERSION"), architecture()?);
    let root = out.join("sheaf-relay");
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot clear {}", root.display()))?;
    }
    put(program, &root.join("usr/bin/sheaf-relay"), 0o755)?;
    for (from, to, rights) in FILES {
        put(&workspace.join(from), &root.join(to), *rights)?;
    }
    let control = format!(
        "Package: sheaf-relay\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: The Sheaf project <relay@sheaf.invalid>\n\
         Section: net\nPriority: optional\nDepends: libc6, libgcc-s1\nDescription: keeps teams in step while their laptops are closed\n \
         A relay stores and forwards sealed entries of Sheaf, the local-first editor.\n It has no key to any of them.\n"
    );
    fs::write(root.join("DEBIAN/control"), control)?;
    fs::write(root.join("DEBIAN/conffiles"), "/etc/sheaf-relay.toml\n")?;
    let file = out.join(format!("sheaf-relay_{version}_{architecture}.deb"));
    shell::run(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&root).arg(&file))?;
    Ok(file)
}

fn put(from: &Path, to: &Path, rights: u32) -> Result<()> {
    let folder = to.parent().context("a file of the package is in a folder")?;
    fs::create_dir_all(folder)?;
    fs::copy(from, to).with_context(|| format!("cannot put {} into the package", from.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(to, fs::Permissions::from_mode(rights))?;
        for folder in to.ancestors().skip(1).take_while(|folder| !folder.join("DEBIAN").is_dir()) {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
    }
    #[cfg(not(unix))]
    let _ = rights;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_what_it_should() {
        if !shell::on_path("dpkg-deb") {
            eprintln!("not Debian: nothing is packaged here");
            return;
        }
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let out = std::env::temp_dir().join(format!("sheaf-package-{}", std::process::id()));
        // Any file stands for the program: what is tested is where it goes.
        let built = deb(&workspace, &workspace.join("README.md"), &out).expect("a package");
        let list = Command::new("dpkg-deb").arg("--contents").arg(&built).output().expect("dpkg-deb");
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        for (file, rights) in [
            ("./usr/bin/sheaf-relay", "-rwxr-xr-x root/root"),
            ("./lib/systemd/system/sheaf-relay.service", "-rw-r--r-- root/root"),
            ("./etc/sheaf-relay.toml", "-rw-r--r-- root/root"),
            ("./usr/share/doc/sheaf-relay/operating.md", "-rw-r--r-- root/root"),
            ("./usr/share/doc/sheaf-relay/copyright", "-rw-r--r-- root/root"),
        ] {
            let line = list.lines().find(|line| line.ends_with(&format!(" {file}")));
            assert!(line.is_some_and(|line| line.starts_with(rights)), "{file} in {list}");
        }
        let files = list.lines().filter(|line| line.starts_with('-')).count();
        assert_eq!(files, 5, "{list}");
        let about = Command::new("dpkg-deb").arg("--info").arg(&built).output().expect("dpkg-deb");
        let about = String::from_utf8_lossy(&about.stdout).into_owned();
        assert!(about.contains("conffiles") && about.contains("postinst") && about.contains("prerm"), "{about}");
        fs::remove_dir_all(&out).expect("a temporary folder");
    }
}
