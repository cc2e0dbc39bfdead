import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { encodeHeader, endOfArchive, paddingBytes } from "../src/std/tar/writer.ts"

/** An image as its documents and layers, each by the name it has in an archive of `docker save`. */
export interface MadeImage {
  readonly name: string
  readonly config: Buffer
  readonly layers: readonly { readonly bytes: Buffer; readonly digest: string }[]
  /** Bytes of the layers, uncompressed. */
  readonly size: number
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

/** How an image's bytes are spread over its layers: one large base, then smaller ones. */
const shares = [0.6, 0.25, 0.1, 0.05]

/**
 * The same image whenever it is made: a static busybox, then layers of trees as programs and data are. Most files are small, most bytes
 * are in few of them; the half of each compresses well. Layers are compressed with gzip.
 */
export function makeImage(megabytes: number): MadeImage {
  const plain = [busyboxLayer(), ...shares.map((share, at) => treeLayer(at + 1, share * megabytes * 1e6))]
  const config = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Cmd: ["/bin/busybox", "true"] },
    rootfs: { type: "layers", diff_ids: plain.map(digestOf) },
  }
  const layers = plain.map((tar) => {
    const bytes = gzipSync(tar, { level: 6 })
    return { bytes, digest: digestOf(bytes) }
  })
  return {
    name: `bench${megabytes}:1`,
    config: Buffer.from(JSON.stringify(config)),
    layers,
    size: plain.reduce((sum, { length }) => sum + length, 0),
  }
}

/** The archive of one image, as `docker save` writes it. */
export function imageArchive({ name, config, layers }: MadeImage): Buffer {
  const path = (digest: string) => digest.slice("sha256:".length)
  const manifest = [
    {
      Config: `${path(digestOf(config))}.json`,
      RepoTags: [name],
      Layers: layers.map(({ digest }) => `${path(digest)}/layer.tar`),
    },
  ]
  return Buffer.concat([
    ...layers.flatMap(({ digest, bytes }) => file(`${path(digest)}/layer.tar`, bytes)),
    ...file(manifest[0]!.Config, config),
    ...file("manifest.json", Buffer.from(JSON.stringify(manifest))),
    endOfArchive,
  ])
}

function busyboxLayer(): Buffer {
  const program = Bun.which("busybox")
  if (!program) throw new Error("no busybox: install busybox-static")
  return Buffer.concat([directory("bin/"), ...file("bin/busybox", readFileSync(program), 0o755), endOfArchive])
}

function treeLayer(number: number, bytes: number): Buffer {
  const random = randomWords(number)
  const parts: Uint8Array[] = []
  let left = bytes
  for (let at = 0; left > 0; at++) {
    const folder = `usr/share/layer${number}/package${at >> 5}`
    if (at % 32 === 0) parts.push(directory(`${folder}/`))
    // Of a hundred files one has megabytes, ten have some tens of kilobytes.
    const largest = at % 100 === 99 ? 3_000_000 : at % 10 === 9 ? 120_000 : 12_000
    const size = Math.min(left, 100 + (random() % largest))
    const content = Buffer.alloc(size, `line ${at} of layer ${number}\n`)
    for (let word = 0; word + 4 <= size / 2; word += 4) content.writeUInt32LE(random(), word)
    parts.push(...file(`${folder}/file${at}`, content))
    left -= size
  }
  return Buffer.concat([...parts, endOfArchive])
}

const owned = { uid: 0, gid: 0, mtime: 1_700_000_000_000_000_000n }

const directory = (name: string): Buffer =>
  encodeHeader({ ...owned, name: Buffer.from(name), type: "directory", mode: 0o755, size: 0 })

const file = (name: string, bytes: Uint8Array, mode = 0o644): Uint8Array[] => [
  encodeHeader({ ...owned, name: Buffer.from(name), type: "file", mode, size: bytes.length }),
  bytes,
  paddingBytes(bytes.length),
]

/** Numbers that look random and are the same each time (xorshift). */
function randomWords(seed: number): () => number {
  let state = 0x9e3779b9 ^ seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
