//! The example is true, and every mistake has its place.

use std::path::Path;

use hve_delivery::{Route, Routes};

use super::*;

const EXAMPLE: &str = include_str!("../../../../bins/hve-server/hve.example.toml");

fn example(text: &str) -> Config {
    Config::parse(text, Path::new("/etc/hve/hve.toml")).unwrap()
}

#[test]
fn the_example_shows_the_defaults() {
    let shown = example(EXAMPLE);
    assert_eq!(shown.limits, Limits::default());
    assert_eq!(shown.log, Log::default());
    let tls = TlsFiles::new("/etc/hve/tls/cert.pem", "/etc/hve/tls/key.pem");
    let mut expected = Config::new(
        "mail.contoso.test",
        tls,
        "/var/lib/hve/store.db",
        Route::Maildir("/var/lib/hve/mail".into()),
    );
    expected.listeners = vec![Listener::new(
        "[::]:587".parse().unwrap(),
        TlsStart::StartTls,
    )];
    assert_eq!(shown, expected);
}

#[test]
fn the_example_shows_every_key() {
    let (table, _) = DeTable::parse_recoverable(EXAMPLE);
    let reader = Reader::default();
    read_draft(Section::root(&reader, table.get_ref()), Path::new(""));
    let (_, places) = reader.into_parts();
    // A key that is not there would be named among those known beside a wrong one.
    for section in ["limits", "log", "tls", "store", "delivery"] {
        let table = format!("[{section}]\n");
        assert!(EXAMPLE.contains(&table), "{table}");
        let broken = EXAMPLE.replace(&table, &format!("{table}zzzzzzzzzzzz = 1\n"));
        let mistakes = Config::parse(&broken, Path::new("hve.toml")).unwrap_err();
        let [mistake] = &mistakes.list[..] else {
            panic!("{mistakes}");
        };
        let known = mistake.text.split_once("known here: ").unwrap().1;
        for key in known.split(", ") {
            assert!(
                places.contains_key(&format!("{section}.{key}")),
                "{section}.{key}"
            );
        }
    }
    for key in ["address", "tls", "proxy-protocol-from"] {
        assert!(places.contains_key(&format!("listeners[0].{key}")), "{key}");
    }
}

#[test]
fn every_key_is_shown() {
    let (table, _) = DeTable::parse_recoverable(EXAMPLE);
    let reader = Reader::default();
    read_draft(Section::root(&reader, table.get_ref()), Path::new(""));
    let (_, places) = reader.into_parts();
    let shown = example(EXAMPLE).shown();
    let mut keys: Vec<&str> = shown.iter().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    let tables = ["delivery", "limits", "log", "store", "tls"];
    let read: Vec<&str> = places
        .keys()
        .map(String::as_str)
        .filter(|key| !key.starts_with("listeners[") && !tables.contains(key))
        .collect();
    assert_eq!(keys, read);
}

fn refused(text: &str, expected: &[(&str, &str)]) {
    let mistakes = Config::parse(text, Path::new("hve.toml")).unwrap_err();
    let shown = mistakes.to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{shown}");
    for (line, (place, words)) in lines.iter().zip(expected) {
        assert!(
            line.starts_with(&format!("hve.toml{place}: ")),
            "{line} at {place}"
        );
        assert!(line.contains(words), "{line} has {words}");
    }
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let text = "hostname = \"a b\"\n\
        colour = 1\n\
        [tls]\ncertificate = 7\nkey = \"key.pem\"\n\
        [store]\npath = \"\"\n\
        [delivery]\nroute = \"lmtp:x\"\n\
        [limits]\nsesions = 5\nsessions = 0\nwrite-timeout = \"5\"\n\
        [log]\nlevel = \"loud\"\n\
        [[listeners]]\naddress = \"587\"\nproxy-protocol-from = [\"10.0.0.0/40\"]\n";
    refused(
        text,
        &[
            (":1:12", "hostname: \"a b\" is no host name"),
            (":2:1", "colour: unknown key; known here: hostname"),
            (
                ":4:15",
                "tls.certificate: a path in quotes is expected, not an integer",
            ),
            (":7:8", "store.path: the path is empty"),
            (":9:9", "delivery.route: a route is"),
            (
                ":11:1",
                "limits.sesions: unknown key; did you mean \"sessions\"?",
            ),
            (":12:12", "limits.sessions: the number must be at least 1"),
            (":13:17", "limits.write-timeout: a time with its unit"),
            (
                ":15:9",
                "log.level: \"error\" or \"warn\" or \"info\" or \"debug\" is expected, not \"loud\"",
            ),
            (":17:11", "listeners[0].address: an address with a port"),
            (":18:24", "listeners[0].proxy-protocol-from[0]: a network"),
        ],
    );
}

const SOUND: &str = "hostname = \"mail.contoso.test\"\n\
    [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
    [store]\npath = \"store.db\"\n\
    [delivery]\nroute = \"hold:\"\n\
    [[listeners]]\naddress = \"0.0.0.0:587\"\n";

#[test]
fn routes_have_exceptions_and_credentials() {
    let text = SOUND.replace(
        "hold:\"\n",
        "smtp://next.test?tls=required&ca=ca.pem&auth=relay&mark=house\"\n\
         [[delivery.marks]]\nname = \"house\"\nfield = \"X-House: a word\"\n\
         [[delivery.routes]]\ndomain = \"Lab.contoso.test\"\nroute = \"maildir:lab\"\n\
         [[delivery.credentials]]\nname = \"relay\"\nuser = \"hve\"\npassword-file = \"secret\"\n",
    );
    let delivery = example(&text).delivery;
    let lab = "lab.contoso.test".parse().unwrap();
    let usual: Route = "smtp://next.test?ca=/etc/hve/ca.pem&auth=relay&mark=house"
        .parse()
        .unwrap();
    let routes = Routes::new(usual).with(lab, Route::Maildir("/etc/hve/lab".into()));
    assert_eq!(delivery.routes, routes);
    let [credentials] = &delivery.credentials[..] else {
        panic!("{delivery:?}");
    };
    let mark = hve_delivery::Mark::new("X-House", "a word").unwrap();
    assert_eq!(delivery.marks, [("house".to_owned(), mark)]);
    let file = Path::new("/etc/hve/secret");
    assert_eq!(credentials.password_file, file);
    assert_eq!((&*credentials.name, &*credentials.user), ("relay", "hve"));
}

#[test]
fn retries_can_be_set_within_reason() {
    let text = |more: &str| SOUND.replace("hold:\"\n", &format!("hold:\"\n{more}\n"));
    let waits = |config: Config| config.delivery.retries.waits().to_vec();
    let usual = hve_delivery::RetrySchedule::default();
    assert_eq!(example(SOUND).delivery.retries, usual);
    let often = example(&text("retry-after = [\"30s\"]\ngive-up-after = \"1h\""));
    assert_eq!(often.delivery.limits().retries, often.delivery.retries);
    let lifetime = often.delivery.retries.lifetime();
    assert_eq!(lifetime, Some(std::time::Duration::from_hours(1)));
    assert_eq!(waits(often), [std::time::Duration::from_secs(30)]);
    let short = "delivery.retry-after: a wait has to last at least 10 seconds";
    refused(&text("retry-after = [\"1m\", \"1s\"]"), &[(":9:15", short)]);
    let never = "delivery.give-up-after: a message has to be tried";
    refused(&text("give-up-after = \"1s\""), &[(":9:17", never)]);
}

#[test]
fn what_is_wrong_with_routes_is_named() {
    let text = SOUND.replace("hold:", "smtp://next.test:0");
    refused(
        &text,
        &[(":8:9", "delivery.route: the port of \"next.test:0\"")],
    );
    let text = SOUND.replace(
        "hold:\"\n",
        "smtp://next.test?auth=nobody\"\n\
         [[delivery.routes]]\ndomain = \"a.test\"\nroute = \"hold:\"\n\
         [[delivery.routes]]\ndomain = \"A.test\"\nroute = \"hold:\"\n",
    );
    refused(
        &text,
        &[
            (
                ":8:9",
                "delivery.route: no [[delivery.credentials]] has the name \"nobody\"",
            ),
            (
                ":13:10",
                "delivery.routes[1].domain: a.test has a route already",
            ),
        ],
    );
}

#[test]
fn contradictions_are_mistakes_too() {
    example(SOUND);
    let twice = format!("{SOUND}[[listeners]]\naddress = \"127.0.0.1:587\"\n");
    refused(
        &twice,
        &[(":12:11", "127.0.0.1:587 is taken by listeners[0]")],
    );
    let host = SOUND.replace("mail.contoso", "mail contoso");
    refused(
        &host,
        &[(":1:12", "hostname: \"mail contoso.test\" is no host name")],
    );
    let small = format!("{SOUND}[limits]\nbytes-in-flight = \"1MiB\"\n");
    refused(&small, &[(":12:19", "less than limits.message-size")]);
}

#[test]
fn a_wrong_value_makes_no_contradiction_of_its_default() {
    let text = format!("{SOUND}[limits]\nbytes-in-flight = \"1MiB\"\nmessage-size = 1\n");
    refused(
        &text,
        &[(":13:16", "limits.message-size: a size with its unit")],
    );
    let table = SOUND.replace("[[listeners]]", "[listeners]");
    refused(
        &table,
        &[(":9:1", "listeners: tables [[listeners]] are expected")],
    );
}

#[test]
fn no_mistake_hides_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hve.toml");
    fs::write(folder.path().join("key.pem"), "no key").unwrap();
    let text = "hostname = \"a b\"\n\
        [tls]\ncertificate = \"none.pem\"\nkey = \"key.pem\"\n\
        [store]\npath = \"nowhere/store.db\"\n\
        [delivery]\nroute = \"lmtp:x\"\n\
        [[listeners]]\naddress = \"127.0.0.1:587\"\n\
        proxy-protocol-from = [\"10.0.0.0/40\", \"192.0.2.7\",\n \"host\", 7]\n\
        [[listeners]]\naddress = \"587\"\n\
        [[listeners]]\naddress = \"0.0.0.0:587\"\n";
    fs::write(&file, text).unwrap();
    let mistakes = Config::check(&file).unwrap_err();
    let shown: Vec<_> = mistakes
        .list
        .iter()
        .map(|mistake| (mistake.place.unwrap(), mistake.key.as_str()))
        .collect();
    let expected = [
        ((1, 12), "hostname"),
        ((3, 15), "tls.certificate"),
        ((4, 7), "tls.key"),
        ((6, 8), "store.path"),
        ((8, 9), "delivery.route"),
        ((11, 24), "listeners[0].proxy-protocol-from[0]"),
        ((12, 2), "listeners[0].proxy-protocol-from[2]"),
        ((12, 10), "listeners[0].proxy-protocol-from[3]"),
        ((14, 11), "listeners[1].address"),
        ((16, 11), "listeners[2].address"),
    ];
    assert_eq!(shown, expected, "{mistakes}");
    // A key that is not named at all leaves its certificate to be looked at.
    fs::write(&file, text.replace("key = \"key.pem\"\n", "")).unwrap();
    let mistakes = Config::check(&file).unwrap_err().to_string();
    assert!(
        mistakes.contains("tls.key: this key is required"),
        "{mistakes}"
    );
    assert!(mistakes.contains("none.pem"), "{mistakes}");
}

#[test]
fn syntax_errors_are_named_alone() {
    refused(
        "hostname = \"x\n[tls\ncertificate = \"c\"\n",
        &[(":1:14", "invalid basic string"), (":2:5", "")],
    );
}

#[test]
fn missing_keys_are_named() {
    refused(
        "[tls]\nkey = \"k\"\n",
        &[
            ("", "hostname: this key is required"),
            ("", "store.path: this key is required"),
            ("", "delivery.route: this key is required"),
            ("", "listeners: at least one [[listeners]] is needed"),
            (":1:1", "tls.certificate: this key is required"),
        ],
    );
}

#[test]
fn paths_are_relative_to_the_file() {
    let config = example(SOUND);
    assert_eq!(config.store, Path::new("/etc/hve/store.db"));
    assert_eq!(config.tls.key, Path::new("/etc/hve/key.pem"));
    let maildir = SOUND.replace("hold:", "maildir:mail");
    let path = |path: &str| Routes::new(Route::Maildir(path.into()));
    assert_eq!(example(&maildir).delivery.routes, path("/etc/hve/mail"));
    let absolute = SOUND.replace("hold:", "maildir:/srv/mail");
    assert_eq!(example(&absolute).delivery.routes, path("/srv/mail"));
}

#[test]
fn an_unreadable_file_says_why() {
    let mistakes = Config::load(Path::new("/nowhere/hve.toml")).unwrap_err();
    assert!(
        mistakes
            .to_string()
            .starts_with("/nowhere/hve.toml: cannot be read: ")
    );
}
