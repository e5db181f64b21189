//! The pair is swapped whole, and a broken one changes nothing (bad-inputs row 15).

use std::fs;

use super::*;

fn pair_in(folder: &std::path::Path, name: &str) -> TlsFiles {
    let files = TlsFiles::new(
        folder.join(format!("{name}-cert.pem")),
        folder.join(format!("{name}-key.pem")),
    );
    write_self_signed(&files, &["mail.contoso.test", "127.0.0.1"]).unwrap();
    files
}

fn in_use(tls: &ServerTls) -> Vec<u8> {
    tls.current.0.load().end_entity_cert().unwrap().to_vec()
}

#[test]
fn row_15_a_broken_pair_leaves_the_old_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (pair_in(folder.path(), "one"), pair_in(folder.path(), "two"));
    let tls = ServerTls::new(&one).unwrap();
    let first = in_use(&tls);
    assert!(!tls.reload_if_changed().unwrap());

    fs::copy(&two.certificate, &one.certificate).unwrap();
    let error = tls.reload_if_changed().unwrap_err();
    assert!(matches!(error, TlsFileError::Mismatch { .. }), "{error}");
    assert_eq!(in_use(&tls), first);
    assert!(
        !tls.reload_if_changed().unwrap(),
        "said once, not every time"
    );

    fs::copy(&two.key, &one.key).unwrap();
    // The copies may have the same length and, on a coarse clock, the same time.
    tls.reload(None).unwrap();
    assert_ne!(in_use(&tls), first);

    fs::remove_file(&one.key).unwrap();
    let error = tls.reload_if_changed().unwrap_err();
    assert!(
        matches!(error, TlsFileError::KeyUnreadable { .. }),
        "{error}"
    );
    assert_ne!(in_use(&tls), first);
}

#[test]
fn every_fault_of_the_pair_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = pair_in(folder.path(), "good");
    assert!(inspect(&good).is_empty());
    let absent = TlsFiles::new(folder.path().join("a"), folder.path().join("b"));
    let [certificate, key] = &inspect(&absent)[..] else {
        panic!("two faults are expected");
    };
    assert!(certificate.concerns_certificate() && !key.concerns_certificate());
    let swapped = TlsFiles::new(&good.key, &good.certificate);
    assert!(matches!(
        inspect(&swapped)[..],
        [
            TlsFileError::NoCertificate { .. },
            TlsFileError::NoKey { .. }
        ]
    ));
}

#[test]
fn a_key_is_for_its_owner_only_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let files = pair_in(folder.path(), "one");
    let mode = fs::metadata(&files.key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(write_self_signed(&files, &["mail.contoso.test"]).is_err());
}
