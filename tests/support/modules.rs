//! Other modules that do the same: under another hash, or larger, by functions that nobody calls and no
//! compiler can leave out, which are what a language runtime in a module is to whoever has to compile it.
//!
//! A type, the functions and their bodies are added at the ends of their sections, so that no index of
//! the module's own changes.

const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const CODE: u8 = 10;
/// Steps of one function's body.
const STEPS: usize = 120;

/// The same module under another hash: with a custom section.
pub fn marked(module: &[u8], number: u32) -> Vec<u8> {
    let mut marked = module.to_vec();
    section(
        &mut marked,
        0,
        &[&[1, b'n'][..], &number.to_le_bytes()].concat(),
    );
    marked
}

/// A core module of at least so many bytes, that does what `module` does.
pub fn grown(module: &[u8], bytes: usize) -> Vec<u8> {
    let mut seed = 1_u64;
    let bodies: Vec<Vec<u8>> = (0..)
        .map(|_| body(&mut seed))
        .take(bytes / body(&mut 1).len() + 1)
        .collect();
    let mut grown = module[..8].to_vec();
    let mut new_type = 0;
    let mut rest = &module[8..];
    while let Some((id, after)) = rest.split_first() {
        let (length, after) = number(after);
        let (content, next) = after.split_at(length as usize);
        let (count, items) = number(content);
        let add = |extra: Vec<u8>, more: u64| {
            let mut all = Vec::new();
            leb128(&mut all, count + more);
            all.extend_from_slice(items);
            all.extend(extra);
            all
        };
        let content = match *id {
            TYPES => {
                new_type = count;
                // A function without parameters and results.
                add(vec![0x60, 0, 0], 1)
            }
            FUNCTIONS => {
                let mut types = Vec::new();
                bodies.iter().for_each(|_| leb128(&mut types, new_type));
                add(types, bodies.len() as u64)
            }
            CODE => add(bodies.concat(), bodies.len() as u64),
            _ => content.to_vec(),
        };
        section(&mut grown, *id, &content);
        rest = next;
    }
    grown
}

/// A function that works on one number, step by step, and stores it.
fn body(seed: &mut u64) -> Vec<u8> {
    // One local, an i64.
    let mut code = vec![1, 1, 0x7e];
    for _ in 0..STEPS {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // local.get 0, i64.const, i64.mul or i64.xor or i64.add, local.set 0
        code.extend([0x20, 0, 0x42]);
        // Always nine bytes, the last of them positive.
        code.extend((0..8).map(|at| 0x80 | (seed.to_le_bytes()[at] & 0x7f)));
        code.push(0x01);
        code.push([0x7e, 0x85, 0x7c][(*seed >> 33) as usize % 3]);
        code.extend([0x21, 0]);
    }
    // i32.const 8, local.get 0, i64.store, end
    code.extend([0x41, 8, 0x20, 0, 0x37, 3, 0, 0x0b]);
    let mut body = Vec::new();
    leb128(&mut body, code.len() as u64);
    body.extend(code);
    body
}

fn section(module: &mut Vec<u8>, id: u8, content: &[u8]) {
    module.push(id);
    leb128(module, content.len() as u64);
    module.extend_from_slice(content);
}

fn leb128(to: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            to.push(low);
            return;
        }
        to.push(low | 0x80);
    }
}

fn number(from: &[u8]) -> (u64, &[u8]) {
    let mut number = 0;
    for (at, byte) in from.iter().enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (number, &from[at + 1..]);
        }
    }
    (number, &[])
}
