//! Which columns of a file are selected, by name.

use std::sync::Arc;

use crate::error::DecodeError;

/// Which root columns to read. The order of the result is that of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Projection {
    /// Every column.
    #[default]
    All,
    /// The columns with these names; naming one twice is the same as once. May be empty: batches then only count rows.
    Names(Vec<String>),
}

/// What a projection takes of a schema; the files of a data set share it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Columns of the first level, ascending.
    pub(crate) roots: Arc<[usize]>,
    /// Their leaves, ascending.
    pub(crate) leaves: Arc<[usize]>,
}

impl Projection {
    /// The indices of the selected columns among `names`, ascending.
    pub(crate) fn resolve(&self, names: &[&str]) -> Result<Vec<usize>, DecodeError> {
        let Self::Names(wanted) = self else {
            return Ok((0..names.len()).collect());
        };
        let mut roots = Vec::with_capacity(wanted.len());
        let by_name: std::collections::HashMap<&str, Vec<usize>> =
            names.iter().enumerate().fold(Default::default(), |mut map, (index, name)| {
                map.entry(*name).or_insert_with(Vec::new).push(index);
                map
            });
        for name in wanted {
            match by_name.get(name.as_str()) {
                Some(indices) => roots.extend_from_slice(indices),
                None => {
                    let nearest = nearest(name, names);
                    return Err(DecodeError::UnknownColumn { name: name.clone(), nearest });
                }
            }
        }
        roots.sort_unstable();
        roots.dedup();
        Ok(roots)
    }
}

/// Names shown with an unknown one.
const NEAREST_MAX: usize = 3;

/// Longest names whose distance is worth computing: the time is their product.
const NEAREST_NAME_BYTES: usize = 200;

fn nearest(name: &str, names: &[&str]) -> Vec<String> {
    let mut by_distance: Vec<(usize, &str)> = names
        .iter()
        .filter(|known| known.len().max(name.len()) <= NEAREST_NAME_BYTES)
        .take(10_000)
        .map(|known| (edit_distance(name.as_bytes(), known.as_bytes()), *known))
        .collect();
    by_distance.sort();
    by_distance.into_iter().take(NEAREST_MAX).map(|(_, known)| known.to_owned()).collect()
}

/// Levenshtein's distance, letters of either case being the same.
fn edit_distance(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let substitute = diagonal + usize::from(!l.eq_ignore_ascii_case(r));
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_ascending_indices() {
        let names = ["label", "dense_0", "dense_1", "dense_0"];
        let check = |wanted: &[&str], expect: &[usize]| {
            let wanted = Projection::Names(wanted.iter().map(|name| (*name).to_owned()).collect());
            assert_eq!(wanted.resolve(&names).unwrap(), expect);
        };
        check(&[], &[]);
        check(&["label"], &[0]);
        check(&["dense_1", "label", "dense_1"], &[0, 2]);
        check(&["dense_0"], &[1, 3]);
        assert_eq!(Projection::All.resolve(&names).unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn an_unknown_name_meets_its_neighbours() {
        let error = Projection::Names(vec!["Dense-1".to_owned()])
            .resolve(&["label", "dense_0", "dense_1"])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "no column 'Dense-1' in the file; nearest: 'dense_1', 'dense_0', 'label'"
        );
    }
}
