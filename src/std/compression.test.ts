import { expect, test } from "bun:test"
import { execFileSync, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { gzipSync, zstdCompressSync } from "node:zlib"
import { compress, decompress, peek } from "./compression.ts"

async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
const collect = async (source: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(source))
const unpack = async (bytes: Uint8Array, size = bytes.length || 1) => {
  const { compression, stream } = await peek(pieces(bytes, size))
  return { compression, bytes: await collect(decompress(stream, compression)) }
}

const plain = Buffer.concat([Buffer.alloc(3_000_000, "text "), randomBytes(500_000)])

for (const [name, bytes] of Object.entries({
  none: plain,
  gzip: gzipSync(plain),
  zstd: zstdCompressSync(plain),
})) {
  test(`${name} is recognised and unpacked, whatever the size of the pieces`, async () => {
    for (const size of [bytes.length, 1000, 65536]) {
      const result = await unpack(bytes, size)
      expect(result.compression).toBe(name as never)
      expect(result.bytes.equals(plain)).toBe(true)
    }
  })
}

test("all members of a gzip stream and all frames of a zstd stream are unpacked", async () => {
  expect((await unpack(Buffer.concat([gzipSync("one"), gzipSync("two")]))).bytes.toString()).toBe("onetwo")
  expect((await unpack(Buffer.concat([zstdCompressSync("one"), zstdCompressSync("two")]))).bytes.toString()).toBe(
    "onetwo",
  )
})

for (const [name, bytes] of Object.entries({ gzip: gzipSync(plain), zstd: zstdCompressSync(plain) })) {
  test(`a truncated ${name} stream is refused`, async () => {
    const invalid = expect.objectContaining({ kind: "invalidArgument" })
    await expect(unpack(bytes.subarray(0, bytes.length - 100))).rejects.toThrow(invalid)
  })
  test(`a failure of the source of a ${name} stream comes through as it is`, async () => {
    async function* failing() {
      yield bytes.subarray(0, 100_000)
      throw new Error("connection lost")
    }
    await expect(collect(decompress(failing(), name as "gzip"))).rejects.toThrow("connection lost")
  })
}

test("a damaged gzip stream is refused", async () => {
  const damaged = gzipSync(plain)
  damaged.fill(0xaa, damaged.length >> 1, (damaged.length >> 1) + 50)
  await expect(unpack(damaged)).rejects.toThrow(expect.objectContaining({ kind: "invalidArgument" }))
})

test("compression gives the same bytes each time", async () => {
  for (const kind of ["gzip", "zstd"] as const) {
    const [one, two] = [
      await collect(compress(pieces(plain, 1 << 20), kind)),
      await collect(compress(pieces(plain, 777_777), kind)),
    ]
    expect(one.length).toBeLessThan(plain.length / 2)
    expect(one.equals(two)).toBe(true)
    expect((await unpack(one)).bytes.equals(plain)).toBe(true)
  }
})

const noXz = spawnSync("xz", ["--version"]).status !== 0
test.skipIf(noXz)(
  `xz is unpacked by the tool, and refused when damaged${noXz ? " (skipped: xz is not installed)" : ""}`,
  async () => {
    const bytes = execFileSync("xz", ["-c"], { input: plain, maxBuffer: 1 << 24 })
    expect((await unpack(bytes)).bytes.equals(plain)).toBe(true)
    await expect(unpack(bytes.subarray(0, bytes.length >> 1))).rejects.toThrow(
      expect.objectContaining({ kind: "invalidArgument" }),
    )
  },
)
