//! The manifest of a data set: JSON text, or two, as hosts that each write a part leave them. What is taken comes back
//! from its own text, and a folder with it can be verified.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use ringquet_datagen::{MANIFEST_NAME, Manifest, Silent, VerifyOptions, verify};

use crate::folder::{in_folder, parts};

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn manifest(bytes: &[u8]) {
    let names = [MANIFEST_NAME, "ringquet-manifest.0-1.json"];
    in_folder(&parts(bytes, &names), |dir| {
        for name in names {
            check_text(&dir.join(name));
        }
        let options = VerifyOptions { threads: 1, ..VerifyOptions::default() };
        match verify(dir, &options, &Silent, &AtomicBool::new(false)) {
            // No file of it is there.
            Ok(report) => {
                assert_eq!(report.files_checked, 0);
                assert!(report.problems.len() as u64 >= report.files_listed);
            }
            Err(error) => {
                let message = error.to_string();
                assert!(message.contains(&dir.display().to_string()), "names no path: {message}");
            }
        }
    });
}

fn check_text(path: &Path) {
    if let Ok(manifest) = Manifest::read(path) {
        let text = serde_json::to_vec(&manifest).expect("a manifest is JSON");
        std::fs::write(path, text).expect("the folder is ours");
        let again = Manifest::read(path).expect("a manifest that was taken is one");
        assert_eq!(again, manifest);
    }
}
