//! Patterns of files that are not published: `*`, `?` and `**`, as people know them from ignore files.

/// One pattern.
///
/// Without a `/` it is held against every name on the way; with one against the whole path from the top.
/// `*` and `?` stay inside a name, `**` stands for any number of folders.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    parts: Vec<String>,
    anchored: bool,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let trimmed = text.trim_end_matches('/');
        let anchored = trimmed.contains('/');
        let parts = trimmed.trim_start_matches('/').split('/').map(str::to_owned).collect();
        Self { parts, anchored }
    }

    /// Whether the file or folder at `path` (parts joined by `/`) is meant. Folders above it are not looked at.
    pub(super) fn matches(&self, path: &str) -> bool {
        if self.anchored {
            let path: Vec<&str> = path.split('/').collect();
            return parts_match(&self.parts, &path);
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        self.parts.first().is_some_and(|pattern| name_matches(pattern, name))
    }
}

fn parts_match(patterns: &[String], path: &[&str]) -> bool {
    let Some((first, rest)) = patterns.split_first() else { return path.is_empty() };
    if first == "**" {
        return (0..=path.len()).any(|skip| parts_match(rest, &path[skip..]));
    }
    path.split_first().is_some_and(|(name, below)| name_matches(first, name) && parts_match(rest, below))
}

/// The classic walk with one place to return to: linear but for runs of `*`.
fn name_matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            p = at + 1;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_or_whole_paths() {
        let yes = [
            ("*.pdb", "bin/app.pdb"),
            ("*.pdb", "app.pdb"),
            ("logs", "a/logs"),
            ("/logs", "logs"),
            ("bin/*.tmp", "bin/x.tmp"),
            ("**/cache", "a/b/cache"),
            ("a/**/z", "a/z"),
            ("a/**/z", "a/b/c/z"),
            ("a?c*e", "abcde"),
            ("logs/", "x/logs"),
        ];
        let no = [
            ("*.pdb", "app.pdb.txt"),
            ("/logs", "a/logs"),
            ("bin/*.tmp", "bin/x/y.tmp"),
            ("bin/*.tmp", "a/bin/x.tmp"),
            ("a?c", "ac"),
        ];
        for (pattern, path) in yes {
            assert!(Pattern::new(pattern).matches(path), "{pattern} {path}");
        }
        for (pattern, path) in no {
            assert!(!Pattern::new(pattern).matches(path), "{pattern} {path}");
        }
    }
}
