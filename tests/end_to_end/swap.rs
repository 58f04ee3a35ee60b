//! Modules change in the running agent: in a ConfigMap volume, as a kubelet changes it.
//!
//! What a module or its settings must be to take over is tested in `tests/filters/swap.rs`; here it is
//! shown that records meet the right one, that none is lost on the way, and what is seen from outside.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use support::agent::Agent;
use support::configmap::ConfigMap;
use support::kubelet::Container;
use support::modules::marked;

use crate::node::{Node, a_while, metrics, module, texts, wait_for_words, with_metrics};

/// A node whose one filter, `f`, has its module in a ConfigMap volume.
pub struct Swapping {
    pub node: Node,
    pub modules: ConfigMap,
    pub app: Container,
    pub admin: SocketAddr,
}

impl Swapping {
    pub fn new() -> Self {
        let mut node = Node::new();
        let modules = ConfigMap::mount(&node.path().join("modules"));
        node.config.filters = format!(
            "{{ directories: [{}], hold_idle: 1h, modules: {{ f: {{}} }} }}",
            modules.folder().display()
        );
        node.config.routes = "[{ filters: [f], destination: main }]".to_owned();
        let admin = with_metrics(&mut node);
        let app = node.kubelet.start("web", "shop-1", "app");
        Self {
            node,
            modules,
            app,
            admin,
        }
    }

    pub fn with(name: &str) -> Self {
        let mut swapping = Self::new();
        swapping.modules.set("f.wasm", guest(name));
        swapping
    }

    /// Prints a record, and waits until the service has so many.
    fn prints(&mut self, agent: &mut Agent, text: &str, arrives: usize) {
        self.app.print(text);
        let fake = &self.node.fake;
        agent.wait_until(&format!("`{text}` arrives"), |_| {
            fake.event_count() >= arrives
        });
    }

    fn texts(&self) -> Vec<String> {
        texts(&self.node, "/eks/web", "shop-1/app")
    }

    /// Waits until the metrics show a line that begins so.
    pub fn shows(&self, agent: &mut Agent, line: &str) {
        agent.wait_until(&format!("the metrics show `{line}`"), |_| {
            metrics(self.admin).lines().any(|l| l.starts_with(line))
        });
    }

    /// What `/readyz` answers.
    fn readyz(&self) -> String {
        let mut page = String::new();
        if let Ok(mut stream) = TcpStream::connect(self.admin) {
            let request = "GET /readyz HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
            stream.read_to_string(&mut page).unwrap();
        }
        page
    }
}

pub fn guest(name: &str) -> Vec<u8> {
    fs::read(module(&format!("guests/{name}"))).unwrap()
}

#[test]
fn a_new_module_takes_over_in_the_running_agent() {
    let mut node = Swapping::with("noop");
    let mut agent = node.node.start();
    node.prints(&mut agent, "one", 1);
    node.modules.set("f.wasm", guest("prefixes"));
    node.shows(&mut agent, "logsieve_filter_swaps_total{filter=\"f\"} 2");
    node.prints(&mut agent, "two", 2);
    assert!(agent.drain().success());
    assert_eq!(node.texts(), ["one", "new two"]);
    assert!(agent.stderr().contains("a new module takes over"));
}

#[test]
fn a_plain_file_that_is_written_over_takes_over_as_well() {
    let mut node = Swapping::new();
    let folder = node.node.path().join("plain");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("f.wasm"), guest("noop")).unwrap();
    let filters = &mut node.node.config.filters;
    *filters = filters.replace(
        "directories: [",
        &format!("directories: [{}, ", folder.display()),
    );
    let mut agent = node.node.start();
    node.prints(&mut agent, "one", 1);
    fs::write(folder.join("f.wasm"), guest("prefixes")).unwrap();
    agent.wait_until("the new module takes over", |agent| {
        agent.stderr().contains("a new module takes over")
    });
    node.prints(&mut agent, "two", 2);
    assert_eq!(node.texts(), ["one", "new two"]);
}

/// An image volume: plain files that nobody writes, another folder for another image.
struct Image {
    folder: PathBuf,
}

impl Image {
    fn mount(folder: PathBuf, module: &[u8]) -> Self {
        let image = Self { folder };
        image.unpack(&image.folder, module);
        image
    }

    fn unpack(&self, folder: &Path, module: &[u8]) {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("f.wasm"), module).unwrap();
        mode(&folder.join("f.wasm"), 0o444);
        mode(folder, 0o555);
    }

    fn replace(&self, module: &[u8]) {
        let next = self.folder.with_extension("next");
        self.unpack(&next, module);
        self.unmount();
        fs::rename(next, &self.folder).unwrap();
    }

    fn unmount(&self) {
        mode(&self.folder, 0o755);
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_modules_of_an_image_stand_behind_those_of_a_configmap_and_change_with_their_folder() {
    let mut node = Swapping::new();
    let image = Image::mount(node.node.path().join("image"), &guest("noop"));
    let filters = &mut node.node.config.filters;
    let both = format!(
        "{}, {}]",
        node.modules.folder().display(),
        image.folder.display()
    );
    *filters = filters.replace(&format!("{}]", node.modules.folder().display()), &both);
    let mut agent = node.node.start();
    let swaps = |number| format!("logsieve_filter_swaps_total{{filter=\"f\"}} {number}");
    node.prints(&mut agent, "of the image", 1);
    image.replace(&guest("prefixes"));
    node.shows(&mut agent, &swaps(2));
    node.prints(&mut agent, "of another image", 2);
    // The first folder that has it counts, whatever comes in the others.
    node.modules.set("f.wasm", guest("noop"));
    node.shows(&mut agent, &swaps(3));
    image.replace(&marked(&guest("prefixes"), 1));
    node.prints(&mut agent, "of the ConfigMap", 3);
    node.modules.remove("f.wasm");
    node.shows(&mut agent, &swaps(4));
    node.prints(&mut agent, "of the image again", 4);
    image.unmount();
    wait_for_words(&mut agent, "is in none of the module directories");
    node.prints(&mut agent, "of none", 5);
    let expected = [
        "of the image",
        "new of another image",
        "of the ConfigMap",
        "new of the image again",
        "new of none",
    ];
    assert_eq!(node.texts(), expected);
}

#[test]
fn a_module_that_is_refused_leaves_the_old_one_at_work() {
    let mut node = Swapping::with("prefixes");
    let mut agent = node.node.start();
    node.prints(&mut agent, "one", 1);
    for (number, bad) in [b"broken".to_vec(), guest("noop")[..9000].to_vec()]
        .into_iter()
        .enumerate()
    {
        node.modules.set("f.wasm", bad);
        let refused = number + 1;
        let line = format!("logsieve_filter_swaps_refused_total{{filter=\"f\"}} {refused}");
        node.shows(&mut agent, &line);
        node.prints(&mut agent, "more", 2 + number);
    }
    assert_eq!(node.texts(), ["new one", "new more", "new more"]);
    assert!(node.readyz().contains("200 OK"), "the chain has its filter");
    let said = agent.stderr();
    assert!(said.contains("what is in charge works on"), "{said}");
    assert!(said.contains("is not WebAssembly"), "{said}");
}

#[test]
fn a_module_that_is_removed_keeps_running() {
    let mut node = Swapping::with("prefixes");
    let mut agent = node.node.start();
    node.prints(&mut agent, "one", 1);
    node.modules.remove("f.wasm");
    wait_for_words(&mut agent, "is in none of the module directories");
    node.prints(&mut agent, "two", 2);
    assert_eq!(node.texts(), ["new one", "new two"]);
}

#[test]
fn records_that_are_held_go_to_the_new_module() {
    let mut node = Swapping::with("holds_stack_traces");
    let mut agent = node.node.start();
    node.app.print("first");
    node.prints(&mut agent, "Exception: held", 1);
    node.app.print("  at a");
    a_while();
    node.modules
        .set("f.wasm", marked(&guest("holds_stack_traces"), 1));
    node.shows(&mut agent, "logsieve_filter_swaps_total{filter=\"f\"} 2");
    node.app.print("  at b");
    node.prints(&mut agent, "next", 2);
    let expected = ["first", "Exception: held\n  at a\n  at b"];
    assert_eq!(node.texts()[..2], expected);
}

#[test]
fn without_a_module_files_are_open_and_wait_and_nothing_leaves_unfiltered() {
    let mut node = Swapping::new();
    let mut agent = node.node.start();
    node.app.print("one");
    let live = node.app.live_path();
    agent.wait_until("the file is open", |agent| agent.has_open(&live));
    node.shows(&mut agent, "logsieve_filter_waiting{filter=\"f\"} 1");
    node.shows(&mut agent, "logsieve_ready 0");
    agent.wait_until("readiness names the filter", |_| {
        let page = node.readyz();
        page.contains("503") && page.contains("filter `f`") && page.contains("f.wasm")
    });
    a_while();
    assert_eq!(node.node.fake.event_count(), 0);
    node.modules.set("f.wasm", guest("prefixes"));
    node.prints(&mut agent, "two", 2);
    assert_eq!(node.texts(), ["new one", "new two"]);
    node.shows(&mut agent, "logsieve_ready 1");
    node.shows(&mut agent, "logsieve_filter_waiting{filter=\"f\"} 0");
    assert!(node.readyz().contains("200 OK"));
}

/// The pod may be gone before its filter comes.
#[test]
fn what_a_waiting_container_wrote_is_read_even_when_its_files_are_unlinked() {
    let mut node = Swapping::new();
    let mut agent = node.node.start();
    node.app.print("one");
    let live = node.app.live_path();
    agent.wait_until("the file is open", |agent| agent.has_open(&live));
    fs::remove_file(&live).unwrap();
    node.modules.set("f.wasm", guest("prefixes"));
    let fake = &node.node.fake;
    agent.wait_until("the record arrives", |_| fake.event_count() >= 1);
    assert_eq!(node.texts(), ["new one"]);
}

#[test]
fn after_a_restart_the_last_accepted_module_stands_in_for_a_bad_one() {
    let mut node = Swapping::with("prefixes");
    let mut agent = node.node.start();
    node.prints(&mut agent, "one", 1);
    assert!(agent.drain().success());
    node.modules.set("f.wasm", b"broken".to_vec());
    let mut agent = node.node.start();
    node.prints(&mut agent, "two", 2);
    assert_eq!(node.texts(), ["new one", "new two"]);
    assert!(agent.stderr().contains("is not WebAssembly"));
    assert!(agent.drain().success());
    node.modules.remove("f.wasm");
    let mut agent = node.node.start();
    node.prints(&mut agent, "three", 3);
    assert_eq!(node.texts()[2], "new three");
}

#[test]
fn a_module_in_parts_takes_over_when_all_of_them_are_of_one_build() {
    use logsieve::filter::module::parts;

    let mut node = Swapping::with("noop");
    let mut agent = node.node.start();
    node.prints(&mut agent, "one", 1);
    let packed = |module: &[u8]| zstd::encode_all(module, 3).unwrap();
    let [old, new] = [1, 2].map(|number| {
        let module = packed(&marked(&guest("prefixes"), number));
        parts::split("f.wasm.zst", &module, 10_000).unwrap()
    });
    assert!(new.len() > 1);
    // The kubelet projects several ConfigMaps into one folder, and knows of one change before the other.
    let mut files: std::collections::BTreeMap<_, _> = old.into_iter().collect();
    files.extend([new[0].clone()]);
    node.modules.set_all(files.clone());
    node.shows(
        &mut agent,
        "logsieve_filter_swaps_refused_total{filter=\"f\"} 1",
    );
    wait_for_words(&mut agent, "its parts are of different builds");
    node.prints(&mut agent, "two", 2);
    files.extend(new);
    node.modules.set_all(files);
    node.shows(&mut agent, "logsieve_filter_swaps_total{filter=\"f\"} 2");
    node.prints(&mut agent, "three", 3);
    assert_eq!(node.texts(), ["one", "two", "new three"]);
}
