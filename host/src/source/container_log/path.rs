//! What a log file's path tells: `<namespace>_<pod>_<uid>/<container>/<restart>.log`, and after a
//! rotation `.<YYYYMMDD-HHMMSS>`, compressed with `.gz` behind it (`.gz.tmp`, while the kubelet writes
//! it, is not read).
//!
//! Kubernetes names hold no underscore, so the path needs no escaping and cannot be ambiguous.

/// A pod's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFolder<'a> {
    pub namespace: &'a str,
    pub pod: &'a str,
    /// The pod's uid; for a static pod its configuration's hash.
    pub uid: &'a str,
}

/// A log file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName<'a> {
    /// How often the container was restarted before it wrote this file.
    pub restart: u32,
    /// The time in the name of a rotated file, `YYYYMMDD-HHMMSS`; none for the live one.
    pub rotated: Option<&'a str>,
    pub compressed: bool,
}

/// Reads `<namespace>_<pod>_<uid>`; none if the folder is no pod's.
#[must_use]
pub fn pod_folder(name: &str) -> Option<PodFolder<'_>> {
    let (namespace, rest) = name.split_once('_')?;
    let (pod, uid) = rest.split_once('_')?;
    let plain = |s: &str| !s.is_empty() && !s.contains(['_', '/']);
    (plain(namespace) && plain(pod) && plain(uid)).then_some(PodFolder {
        namespace,
        pod,
        uid,
    })
}

/// Reads `<restart>.log[.<time>[.gz]]`; none for anything else, the kubelet's `.tmp` among it.
#[must_use]
pub fn file_name(name: &str) -> Option<FileName<'_>> {
    let (restart, rest) = name.split_once(".log")?;
    // `parse` takes a leading `+`, which no kubelet writes.
    if !restart.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let restart = restart.parse().ok()?;
    let (rotated, compressed) = match rest.strip_prefix('.') {
        None if rest.is_empty() => (None, false),
        None => return None,
        Some(time) => match time.strip_suffix(".gz") {
            Some(time) => (Some(time), true),
            None => (Some(time), false),
        },
    };
    let is_time = |t: &str| {
        t.len() == 15
            && t.bytes().enumerate().all(|(i, b)| match i {
                8 => b == b'-',
                _ => b.is_ascii_digit(),
            })
    };
    rotated.is_none_or(is_time).then_some(FileName {
        restart,
        rotated,
        compressed,
    })
}

/// Reads the container id from a link's name, `<pod>_<namespace>_<container>-<id>.log`.
#[must_use]
pub fn container_id(link: &str) -> Option<&str> {
    let (_, id) = link.strip_suffix(".log")?.rsplit_once('-')?;
    (id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pod_folder_names_namespace_pod_and_uid() {
        let folder = pod_folder("payments_api-0_0f1c").unwrap();
        assert_eq!(
            (folder.namespace, folder.pod, folder.uid),
            ("payments", "api-0", "0f1c")
        );
        for not_a_pod in ["", "lost+found", "a_b", "a__c", "_b_c", "a_b_", "a_b_c_d"] {
            assert_eq!(pod_folder(not_a_pod), None, "{not_a_pod}");
        }
    }

    #[test]
    fn a_file_name_tells_restart_rotation_and_compression() {
        let live = file_name("0.log").unwrap();
        assert_eq!(
            (live.restart, live.rotated, live.compressed),
            (0, None, false)
        );
        let rotated = file_name("12.log.20261123-101112").unwrap();
        assert_eq!(
            (rotated.restart, rotated.rotated),
            (12, Some("20261123-101112"))
        );
        assert!(file_name("0.log.20261123-101112.gz").unwrap().compressed);
        for other in [
            "0.log.20261123-101112.tmp",
            "0.log.20261123-101112.gz.tmp",
            "0.log.1",
            "0.logs",
            "+1.log",
            "x.log",
            ".log",
            "99999999999.log",
        ] {
            assert_eq!(file_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_link_names_the_container_id() {
        let id = "a".repeat(64);
        let link = format!("api-0_payments_app-{id}.log");
        assert_eq!(container_id(&link), Some(id.as_str()));
        assert_eq!(container_id("api-0_payments_app.log"), None);
    }

    proptest! {
        #[test]
        fn any_name_is_read_or_refused(name in "\\PC{0,40}") {
            let _ = pod_folder(&name);
            let _ = file_name(&name);
            let _ = container_id(&name);
        }
    }
}
