// Memory for one call: what the agent hands over and what the filter gives back lie one behind another in
// a chunk, and are given back all at once. The author's own objects are the garbage collector's, which
// runs between calls.

// Its first words say where the former chunk is, and how large it is itself.
const HEAD: usize = 16;
const CHUNK_BYTES: usize = 65536 - 64;

let chunk: usize = 0;
/** Where the next block goes. */
let at: usize = 0;
let end: usize = 0;

/** Aligned to 16 bytes, which is enough for every type of the contract; never the address 0. */
export function allocate(bytes: usize): usize {
  bytes = (max<usize>(bytes, 1) + 15) & ~15;
  if (end - at < bytes) addChunk(max(bytes + HEAD, CHUNK_BYTES));
  const block = at;
  at += bytes;
  return block;
}

function addChunk(bytes: usize): void {
  const made = heap.alloc(bytes);
  store<usize>(made, chunk);
  store<usize>(made, bytes, 4);
  chunk = made;
  at = made + HEAD;
  end = made + bytes;
}

/** Uses all of it again. Where a call needed several chunks, the next one has their sum in one. */
export function reuse(): void {
  if (!chunk) return;
  if (load<usize>(chunk)) {
    let bytes: usize = 0;
    while (chunk) {
      const former = load<usize>(chunk);
      bytes += load<usize>(chunk, 4);
      heap.free(chunk);
      chunk = former;
    }
    addChunk(bytes);
  }
  at = chunk + HEAD;
}

/** The agent asks for a block; in practice it grows none. */
export function cabi_realloc(old: usize, oldBytes: usize, _align: usize, bytes: usize): usize {
  const block = allocate(bytes);
  if (oldBytes) memory.copy(block, old, min(oldBytes, bytes));
  return block;
}
