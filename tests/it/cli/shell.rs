//! What a shell and `man` are given: completions and manual pages, as a user installs and uses them.

use std::process::Command;

use super::binary::ringquet;
use crate::scratch;

/// Sources the script in bash as a user's profile does, types `ringquet WORDS` and returns what could follow.
fn completed(script: &std::path::Path, words: &[&str]) -> Vec<String> {
    let ask = r#"
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        complete=$(complete -p ringquet)
        function=$(sed -E 's/.* -F ([^ ]+) .*/\1/' <<<"$complete")
        "$function" ringquet "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let bash = Command::new("bash").args(["-c", ask, "bash"]).arg(script).args(words).output();
    let output = bash.expect("bash can be started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{words:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_options_and_values() {
    let dir = scratch::dir();
    let script = dir.path().join("ringquet.bash");
    let text = ringquet(dir.path(), "completions bash").succeeds().stdout;
    std::fs::write(&script, text).unwrap();
    assert_eq!(completed(&script, &["ringquet", "insp"]), ["inspect"]);
    assert_eq!(completed(&script, &["ringquet", "scan", "--raw"]), ["--raw"]);
    let drivers = completed(&script, &["ringquet", "scan", "--driver", ""]);
    assert!(drivers.contains(&"uring".to_owned()), "{drivers:?}");
}

#[test]
fn every_shell_has_a_script_with_every_verb() {
    let dir = scratch::dir();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = ringquet(dir.path(), &format!("completions {shell}")).succeeds().stdout;
        for word in ["inspect", "characterize", "queue-depth"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    let answer = ringquet(dir.path(), "completions tcsh").ends_with(2);
    assert!(answer.stderr.contains("possible values: bash"), "{}", answer.stderr);
    let document = ringquet(dir.path(), "completions fish --json").succeeds().document();
    assert!(document["script"].as_str().unwrap().contains("complete -c ringquet"));
}

#[test]
fn pages_are_written_and_name_their_options() {
    let dir = scratch::dir();
    ringquet(dir.path(), "man -o man1").succeeds();
    let help = ringquet(dir.path(), "--help").succeeds().stdout;
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|verb| !verb.is_empty() && *verb != "help")
        .collect();
    assert!(verbs.len() >= 15, "{help}");
    let page = |name: &str| std::fs::read_to_string(dir.path().join("man1").join(name)).unwrap();
    for verb in &verbs {
        assert!(
            page(&format!("ringquet-{verb}.1")).contains(&format!(".TH ringquet-{verb} 1")),
            "{verb}"
        );
    }
    assert_eq!(std::fs::read_dir(dir.path().join("man1")).unwrap().count(), verbs.len() + 1);
    let scan = page("ringquet-scan.1");
    assert_eq!(scan, ringquet(dir.path(), "man scan").succeeds().stdout);
    for option in [r"\-\-queue\-depth", r"\-\-json", r"\-\-raw"] {
        assert!(scan.contains(option), "{option}\n{scan}");
    }
    let program = page("ringquet.1");
    assert_eq!(program, ringquet(dir.path(), "man").succeeds().stdout);
    assert!(program.contains("Exit codes"), "{program}");
    let answer = ringquet(dir.path(), "man frobnicate").ends_with(2);
    assert!(answer.error().contains("expected one of inspect, plan"), "{}", answer.stderr);
}
