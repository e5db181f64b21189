//! What credentials hold, and what a check finds beside the configuration.

use secrecy::ExposeSecret as _;

use super::*;

fn credentials(password_file: PathBuf) -> RelayCredentials {
    RelayCredentials {
        name: "relay".into(),
        user: "hve".into(),
        password_file,
    }
}

#[test]
fn a_password_is_what_stands_before_the_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let mut delivery = Delivery::new(Route::Hold);
    delivery.credentials.push(credentials(file.clone()));
    for text in [" se cret ", " se cret \n", " se cret \r\n"] {
        fs::write(&file, text).unwrap();
        let settings = delivery.settings("mail.contoso.test").unwrap();
        let known = &settings.credentials["relay"];
        assert_eq!(known.password.expose_secret(), " se cret ");
        assert_eq!(
            (&*known.user, &*settings.name),
            ("hve", "mail.contoso.test")
        );
    }
    fs::write(&file, "\n").unwrap();
    let empty = delivery.settings("mail.contoso.test").unwrap_err();
    assert!(empty.to_string().ends_with("password holds no password"));
    fs::remove_file(&file).unwrap();
    let missing = delivery.settings("mail.contoso.test").unwrap_err();
    assert!(missing.to_string().contains("cannot be read: No such file"));
}

#[test]
fn a_check_looks_at_what_routes_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "").unwrap();
    let relay = format!("smtps://a.test?ca={}", path("file").display());
    let draft = Draft {
        route: Some(relay.parse().unwrap()),
        exceptions: vec![
            (0, "a.test".parse().unwrap(), Route::Maildir(path("file"))),
            (1, "b.test".parse().unwrap(), Route::Maildir(path("new"))),
            (2, "c.test".parse().unwrap(), Route::Maildir(path("no/new"))),
        ],
        credentials: vec![credentials(path("none"))],
        marks: Vec::new(),
        retry_after: Vec::new(),
        give_up_after: None,
        delay_notice: None,
        complete: true,
    };
    let found = outside(&draft);
    let found: Vec<_> = found.iter().map(|(key, text)| (&**key, text)).collect();
    let [
        ("delivery.credentials[0].password-file", unreadable),
        ("delivery.route", no_authority),
        ("delivery.routes[0].route", no_folder),
        ("delivery.routes[2].route", missing),
    ] = found[..]
    else {
        panic!("{found:?}");
    };
    assert!(unreadable.contains("cannot be read"));
    assert!(no_authority.contains("holds no PEM certificate"));
    assert!(no_folder.contains("is no folder"));
    assert!(missing.contains("does not exist"));
}
