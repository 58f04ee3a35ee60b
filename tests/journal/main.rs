//! The reader of journals against systemd's own tools: files that `systemd-journal-remote` writes, in
//! every layout, read entry by entry as `journalctl` reads them; files that grow while they are read,
//! and files that are cut short or altered.

mod damage;
mod formats;
mod live;
mod sample;
