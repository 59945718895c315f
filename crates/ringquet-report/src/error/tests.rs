//! Every message of [`ReportError`] and of [`CheckError`], kept in `snapshots/`.

use ringquet_messages::assert_messages;

use super::*;
use crate::check::CheckError;

fn path() -> PathBuf {
    PathBuf::from("results/scan.json")
}

fn denied() -> io::Error {
    io::Error::from_raw_os_error(13)
}

#[test]
fn messages_of_reports() {
    assert_messages!(ReportError {
        Read { path: path(), source: denied() },
        TooLarge { path: path(), length: 9_000_000, limit: 1_000_000 },
        Syntax { path: path(), reason: "expected value at line 1 column 1".to_owned() },
        NotAResult { path: path(), reason: "it has no field 'command'".to_owned() },
        TooMany { given: 1000, limit: 64 },
        Nothing {},
    });
}

#[test]
fn messages_of_checks() {
    assert_messages!(CheckError {
        List { path: path(), source: denied() },
        NoResults { path: path() },
        TooMany { path: path(), limit: 10_000 },
    });
}
