//! WebAssembly as a run of sections: enough to see what a module asks for, and to leave out what only
//! debuggers read.
//!
//! Sections are not decoded further than that; what is wrong with a module is said by whoever
//! validates it.

/// A section: its number, the payload, and where it ends with its head in front.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    pub id: u8,
    pub payload: &'a [u8],
    whole: &'a [u8],
}

const HEAD_BYTES: usize = 8;
const CUSTOM: u8 = 0;
/// In a component: a core module, and a component.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;
/// In a core module.
const IMPORT: u8 = 2;

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Core,
    Component,
}

/// By the head: "\0asm", version, layer. None where they are no WebAssembly.
#[must_use]
pub fn kind(bytes: &[u8]) -> Option<Kind> {
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Some(Kind::Core),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Some(Kind::Component),
        _ => None,
    }
}

/// How many bytes are missing behind the last section; 0 where the module is whole.
#[must_use]
pub fn missing(bytes: &[u8]) -> usize {
    let whole: usize = of(bytes).map(|section| section.whole.len()).sum();
    let Some(mut torn) = bytes.get(HEAD_BYTES + whole..) else {
        return HEAD_BYTES.saturating_sub(bytes.len());
    };
    let Some((_, rest)) = torn.split_first() else {
        return 0;
    };
    torn = rest;
    // Of a head that is cut off nothing is known but that.
    number(&mut torn).map_or(1, |len| len.saturating_sub(torn.len()).max(1))
}

/// The sections of a module, up to one that is cut off.
pub fn of(bytes: &[u8]) -> impl Iterator<Item = Section<'_>> {
    let mut rest = bytes.get(HEAD_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let whole = rest;
        let (id, mut at) = rest.split_first()?;
        let len = number(&mut at)?;
        let payload = at.get(..len)?;
        rest = &at[len..];
        let whole = &whole[..whole.len() - rest.len()];
        Some(Section {
            id: *id,
            payload,
            whole,
        })
    })
}

/// An unsigned LEB128 number of at most 32 bits.
fn number(at: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = at.split_first()?;
        *at = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

fn write_number(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

fn name<'a>(at: &mut &'a [u8]) -> Option<&'a str> {
    let len = number(at)?;
    let (name, rest) = at.split_at_checked(len)?;
    *at = rest;
    std::str::from_utf8(name).ok()
}

impl<'a> Section<'a> {
    /// Name and content, of a custom section.
    #[must_use]
    pub fn custom(&self) -> Option<(&'a str, &'a [u8])> {
        let mut at = self.payload;
        (self.id == CUSTOM)
            .then(|| Some((name(&mut at)?, at)))
            .flatten()
    }
}

/// Without custom sections, those of the modules inside included, but for those that `keep` names.
#[must_use]
pub fn strip(bytes: &[u8], keep: &dyn Fn(&str) -> bool) -> Vec<u8> {
    let Some(kind) = kind(bytes) else {
        return bytes.to_vec();
    };
    let mut out = bytes[..HEAD_BYTES].to_vec();
    for section in of(bytes) {
        let nested = kind == Kind::Component && [CORE_MODULE, COMPONENT].contains(&section.id);
        if section.custom().is_some_and(|(name, _)| !keep(name)) {
            continue;
        }
        if nested {
            let inner = strip(section.payload, keep);
            out.push(section.id);
            write_number(inner.len(), &mut out);
            out.extend_from_slice(&inner);
        } else {
            out.extend_from_slice(section.whole);
        }
    }
    out
}

/// Adds a custom section at the end.
pub fn add_custom(module: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut payload = Vec::with_capacity(name.len() + content.len() + 5);
    write_number(name.len(), &mut payload);
    payload.extend_from_slice(name.as_bytes());
    payload.extend_from_slice(content);
    module.push(CUSTOM);
    write_number(payload.len(), module);
    module.extend_from_slice(&payload);
}

/// What a core module imports: (module, name), in order. None where the section does not parse.
#[must_use]
pub fn core_imports(bytes: &[u8]) -> Option<Vec<(&str, &str)>> {
    let Some(section) = of(bytes).find(|section| section.id == IMPORT) else {
        return Some(Vec::new());
    };
    let mut at = section.payload;
    let count = number(&mut at)?;
    let mut imports = Vec::new();
    for _ in 0..count {
        imports.push((name(&mut at)?, name(&mut at)?));
        skip_type(&mut at)?;
    }
    Some(imports)
}

/// Passes an import's type: a function's number, a table, a memory, a global, a tag.
fn skip_type(at: &mut &[u8]) -> Option<()> {
    let byte = |at: &mut &[u8]| {
        let (byte, rest) = at.split_first()?;
        *at = rest;
        Some(*byte)
    };
    let limits = |at: &mut &[u8]| {
        let flags = byte(at)?;
        number(at)?;
        if flags & 1 == 1 {
            number(at)?;
        }
        Some(())
    };
    match byte(at)? {
        0 => number(at).map(drop),
        1 => byte(at).and_then(|_| limits(at)),
        2 => limits(at),
        3 => byte(at).and_then(|_| byte(at)).map(drop),
        4 => byte(at).and_then(|_| number(at)).map(drop),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_every_kind_are_listed() {
        let wat = r#"(module (import "a" "f" (func)) (import "b" "t" (table 1 2 funcref))
            (import "c" "m" (memory 1)) (import "d" "g" (global (mut i32))) (import "e" "h" (func)))"#;
        let module = wat::parse_str(wat).unwrap();
        let names = [("a", "f"), ("b", "t"), ("c", "m"), ("d", "g"), ("e", "h")];
        assert_eq!(core_imports(&module).unwrap(), names);
        assert_eq!(
            core_imports(&wat::parse_str("(module)").unwrap()).unwrap(),
            []
        );
    }

    #[test]
    fn custom_sections_go_wherever_they_are_and_the_rest_stays() {
        let plain = wat::parse_str("(component (core module (func)))").unwrap();
        let mut core = wat::parse_str("(module (func))").unwrap();
        add_custom(&mut core, "name", b"xyz");
        add_custom(&mut core, "kept", b"xyz");
        let mut component = plain[..HEAD_BYTES].to_vec();
        component.push(CORE_MODULE);
        write_number(core.len(), &mut component);
        component.extend_from_slice(&core);
        add_custom(&mut component, "name", &[0; 200]);
        assert_eq!(strip(&component, &|_| false), strip(&plain, &|_| false));
        let kept = strip(&component, &|name| name == "kept");
        assert!(kept.len() > plain.len() && wasmtime_takes(&kept));
    }

    fn wasmtime_takes(component: &[u8]) -> bool {
        let engine = wasmtime::Engine::default();
        wasmtime::component::Component::new(&engine, component).is_ok()
    }

    #[test]
    fn what_is_cut_off_is_no_panic() {
        let module = wat::parse_str(r#"(module (import "a" "f" (func)) (memory 1))"#).unwrap();
        for len in 0..module.len() {
            let _ = core_imports(&module[..len]);
            let _ = strip(&module[..len], &|_| false);
            // Between two sections nothing tells that there was one more.
            assert!(missing(&module[..len]) <= module.len() - len);
        }
        assert_eq!(missing(&module), 0);
        assert_eq!(missing(&module[..module.len() - 1]), 1);
        assert_eq!(missing(&module[..5]), 3);
    }
}
