//! `ringquet datagen` killed at random moments, and what it leaves behind resumed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ringquet_io::sim::SimRandom;

use crate::model::{self, Model};

/// Kills `kills` times; whether all that was left behind was sound.
pub(crate) fn run(kills: u64, seed: u64, ringquet: Option<&Path>, model: &Model) -> bool {
    let Some(ringquet) = ringquet else {
        println!("--kills needs --ringquet PATH: the binary to kill");
        return false;
    };
    let begun = Instant::now();
    let file = model::workload_file(model.dir.path());
    let dir = model.dir.path().join("killed");
    let datagen = |resume: bool| {
        let mut command = Command::new(ringquet);
        command.arg("datagen").arg(&file).arg(format!("dataset.data_folder={}", dir.display()));
        command.args(["--threads", "1", "--quiet"]);
        if resume {
            command.arg("--resume");
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let timed = Instant::now();
    assert!(datagen(false).status().unwrap().success(), "datagen itself fails");
    let whole = timed.elapsed();
    let mut random = SimRandom::new(seed);
    let (mut wrong, mut done_in_time, mut in_resume) = (0, 0, 0);
    for kill in 0..kills {
        std::fs::remove_dir_all(&dir).ok();
        // The first time and then, now and then, while it resumes.
        let rounds = 1 + random.below(3);
        for round in 0..rounds {
            let mut child = datagen(round > 0).spawn().unwrap();
            let share = f64::from(random.below(1000)) / 1000.0;
            std::thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * share));
            match child.try_wait().unwrap() {
                Some(_) => done_in_time += 1,
                None => {
                    child.kill().unwrap();
                    in_resume += u64::from(round > 0);
                }
            }
            child.wait().unwrap();
            for (path, bytes) in model::files_of(&dir) {
                if model.files.get(&path) != Some(&bytes) {
                    println!("kill {kill}: {} is under its name and not whole", path.display());
                    wrong += 1;
                }
            }
        }
        let resumed = datagen(true).output().unwrap();
        let verified = Command::new(ringquet).arg("verify").arg(&dir).output().unwrap();
        let sound = resumed.status.success() && verified.status.success();
        if !sound || model::files_of(&dir) != model.files {
            println!(
                "kill {kill} of seed {seed}: {}{}",
                String::from_utf8_lossy(&resumed.stderr),
                String::from_utf8_lossy(&verified.stdout)
            );
            wrong += 1;
        }
    }
    println!(
        "{kills} data sets killed while they were written, {in_resume} of them again while resumed ({done_in_time} were done before), in {:.1} s: {wrong} wrong",
        begun.elapsed().as_secs_f64()
    );
    wrong == 0
}
