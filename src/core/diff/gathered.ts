const pieceSize = 1 << 20

/** Small pieces joined to ones of about a megabyte: each piece that leaves a thread costs. */
export function* gathered(source: Generator<Uint8Array>): Generator<Uint8Array> {
  let parts: Uint8Array[] = []
  let length = 0
  for (const bytes of source) {
    parts.push(bytes)
    length += bytes.length
    if (length < pieceSize) continue
    yield Buffer.concat(parts)
    parts = []
    length = 0
  }
  if (length > 0) yield Buffer.concat(parts)
}
