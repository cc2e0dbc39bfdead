import { afterAll, expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TarEntry } from "./entry.ts"
import { TarParser } from "./parser.ts"
import { formatPax } from "./pax.ts"
import { readTar } from "./reader.ts"
import { encodeHeader, endOfArchive, paddingBytes } from "./writer.ts"

const scratch = mkdtempSync(join(tmpdir(), "tar-test-"))
afterAll(() => rmSync(scratch, { recursive: true }))

interface Seen {
  readonly entry: TarEntry
  readonly content: Buffer
}

/** Parses `archive` in pieces of `step` bytes; sparse files come out with their holes. */
function parse(archive: Buffer, step = archive.length || 1): Seen[] {
  const seen: Seen[] = []
  let current: { entry: TarEntry; content: Buffer } | undefined
  const parser = new TarParser({
    entry: (entry) => {
      current = { entry, content: Buffer.alloc(Math.min(entry.size, 1 << 24)) }
    },
    data: (bytes, offset) => current!.content.set(bytes, offset),
    end: () => {
      seen.push(current!)
    },
  })
  for (let at = 0; at < archive.length; at += step) parser.push(archive.subarray(at, at + step))
  parser.finish()
  return seen
}

const file = (name: string | Buffer, content: string | Buffer = "", more: Partial<TarEntry> = {}): Buffer => {
  const body = Buffer.from(content)
  const entry: TarEntry = {
    name: Buffer.from(name),
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: 0n,
    ...more,
  }
  return Buffer.concat([encodeHeader(entry), body, paddingBytes(body.length)])
}
const archive = (...members: Buffer[]) => Buffer.concat([...members, endOfArchive])
const gnuTar = (...args: string[]) => execFileSync("tar", args, { cwd: scratch, maxBuffer: 1 << 28 })

test("what the writer tells comes back from the reader, whatever the size of the pieces", () => {
  const entries: TarEntry[] = [
    { name: Buffer.from("a/"), type: "directory", mode: 0o1777, uid: 0, gid: 0, size: 0, mtime: 1_500_000_000n },
    {
      name: Buffer.from("b"),
      type: "file",
      mode: 0o4755,
      uid: 3_000_000,
      gid: 12,
      size: 5,
      mtime: 1_700_000_000_123_456_789n,
    },
    { name: Buffer.from(`${"long/".repeat(60)}name`), type: "file", mode: 0o600, uid: 1, gid: 2, size: 0, mtime: 0n },
    {
      name: Buffer.from(`${"p".repeat(120)}/${"n".repeat(90)}`),
      type: "file",
      mode: 0o600,
      uid: 1,
      gid: 2,
      size: 0,
      mtime: 0n,
    },
    {
      name: Buffer.from("ü"),
      type: "symlink",
      mode: 0o777,
      uid: 0,
      gid: 0,
      size: 0,
      mtime: -1n,
      linkName: Buffer.from("x".repeat(300)),
    },
    {
      name: Buffer.from([0x62, 0xff, 0xfe]),
      type: "hardlink",
      mode: 0o777,
      uid: 0,
      gid: 0,
      size: 0,
      mtime: 1n,
      linkName: Buffer.from([0xff]),
    },
    {
      name: Buffer.from("null"),
      type: "character",
      mode: 0o666,
      uid: 0,
      gid: 0,
      size: 0,
      mtime: 0n,
      major: 1,
      minor: 3,
    },
    { name: Buffer.from("disk"), type: "block", mode: 0o660, uid: 0, gid: 6, size: 0, mtime: 0n, major: 8, minor: 300 },
    { name: Buffer.from("pipe"), type: "fifo", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0n },
    {
      name: Buffer.from("attrs"),
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: 0,
      mtime: 0n,
      xattrs: new Map([
        ["security.capability", Buffer.from([1, 0, 0, 2, 10, 61, 0])],
        ["user.empty", Buffer.alloc(0)],
      ]),
    },
  ]
  const bytes = archive(
    ...entries.flatMap((entry) => [
      encodeHeader(entry),
      Buffer.from("hello").subarray(0, entry.size),
      paddingBytes(entry.size),
    ]),
  )
  for (const step of [bytes.length, 1, 511, 513]) {
    const seen = parse(bytes, step)
    expect(seen.map(({ entry }) => entry)).toEqual(entries)
    expect(seen[1]!.content.toString()).toBe("hello")
  }
})

test("GNU tar reads what the writer wrote", () => {
  const name = `${"deep/".repeat(50)}ünder`
  writeFileSync(join(scratch, "ours.tar"), archive(file(name, "content", { mtime: 1_600_000_000_500_000_000n })))
  expect(gnuTar("-xOf", "ours.tar").toString()).toBe("content")
  expect(gnuTar("--full-time", "--utc", "--quoting-style=literal", "-tvf", "ours.tar").toString()).toContain(
    "2020-09-13 12:26:40.5",
  )
})

for (const format of ["v7", "oldgnu", "gnu", "ustar", "pax"]) {
  test(`GNU tar's ${format} archives are read`, () => {
    execFileSync(
      "sh",
      ["-c", `mkdir -p tree/sub && cd tree && echo hi >sub/f && ln -sf sub/f link && ln -f sub/f hard`],
      { cwd: scratch },
    )
    const seen = parse(gnuTar(`--format=${format}`, "--sort=name", "-cf", "-", "tree"))
    expect(seen.map(({ entry }) => [entry.name.toString(), entry.type, entry.linkName?.toString()])).toEqual([
      ["tree/", "directory", undefined],
      ["tree/hard", "file", undefined],
      ["tree/link", "symlink", "sub/f"],
      ["tree/sub/", "directory", undefined],
      ["tree/sub/f", "hardlink", "tree/hard"],
    ])
    expect(seen[1]!.content.toString()).toBe("hi\n")
  })
}

test("long names and links of GNU archives are read", () => {
  const long = `${"x".repeat(200)}`
  execFileSync("sh", ["-c", `mkdir -p longs && cd longs && echo hi >${long} && ln -sf ${long} l`], { cwd: scratch })
  const seen = parse(gnuTar("--format=gnu", "--sort=name", "-cf", "-", "longs"))
  expect(seen.map(({ entry }) => entry.linkName?.toString() ?? entry.name.toString())).toEqual([
    "longs/",
    long,
    `longs/${long}`,
  ])
})

for (const format of ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"]) {
  test(`sparse files made with ${format} are read with their holes`, () => {
    const path = join(scratch, "sparse")
    rmSync(path, { force: true })
    const descriptor = openSync(path, "w")
    for (let at = 0; at < 40; at++) writeSync(descriptor, "island", at * 131072 + 7)
    ftruncateSync(descriptor, 6_000_000)
    closeSync(descriptor)
    const bytes = gnuTar(
      "--sparse",
      format,
      ...(format.startsWith("--sparse") ? ["--format=posix"] : []),
      "-cf",
      "-",
      "sparse",
    )
    expect(bytes.length).toBeLessThan(1_000_000)
    for (const step of [bytes.length, 100]) {
      const [only] = parse(bytes, step)
      expect(only!.entry.name.toString()).toBe("sparse")
      expect(only!.entry.sparse!.length).toBeGreaterThan(30)
      expect(only!.content.equals(readFileSync(path))).toBe(true)
    }
  })
}

test("sparse entries survive writing and GNU tar agrees about their content", () => {
  const entry: TarEntry = {
    name: Buffer.from("holes"),
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 1_000_000,
    mtime: 0n,
    sparse: [
      { offset: 4096, length: 512 },
      { offset: 500_000, length: 4 },
    ],
  }
  const bytes = archive(encodeHeader(entry), Buffer.alloc(512, "one"), Buffer.from("two!"), paddingBytes(4))
  const [only] = parse(bytes)
  expect(only!.entry).toEqual(entry)
  expect(only!.content.toString("latin1", 500_000, 500_004)).toBe("two!")
  writeFileSync(join(scratch, "holes.tar"), bytes)
  expect(gnuTar("-xOf", "holes.tar").equals(only!.content)).toBe(true)
})

test("a global extended header gives defaults that an entry's own header overrides", () => {
  const records = formatPax([
    ["mtime", Buffer.from("7")],
    ["uid", Buffer.from("1234")],
    ["path", Buffer.from("ignored")],
  ])
  const global = Buffer.concat([
    encodeHeader({ ...base, name: Buffer.from("g"), size: records.length }),
    records,
    paddingBytes(records.length),
  ])
  setFlag(global, "g")
  const seen = parse(archive(global, file("a"), file("b", "", { mtime: 1_500_000_000n })))
  expect(seen.map(({ entry }) => [entry.name.toString(), entry.uid, entry.mtime])).toEqual([
    ["a", 1234, 7_000_000_000n],
    ["b", 1234, 1_500_000_000n],
  ])
})

test("owners and sizes in base-256 are read", () => {
  const bytes = file("big")
  Buffer.from([0x80, 0, 0, 0, 0, 0x30, 0, 1]).copy(bytes, 108)
  setFlag(bytes, "0")
  expect(parse(archive(bytes))[0]!.entry.uid).toBe(0x300001)
})

test("an archive without its end blocks is complete when it stops between entries", () => {
  expect(parse(file("a", "x")).length).toBe(1)
  expect(parse(Buffer.alloc(0))).toEqual([])
})

const base: TarEntry = { name: Buffer.from("x"), type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0n }

/** Changes the type flag of the first header and corrects its checksum. */
function setFlag(bytes: Buffer, flag: string): Buffer {
  bytes.write(flag, 156, "latin1")
  bytes.fill(0x20, 148, 156)
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1")
  return bytes
}
const withField = (offset: number, text: string | Buffer): Buffer => {
  const bytes = file("x")
  Buffer.from(text).copy(bytes, offset)
  return setFlag(bytes, "0")
}
const withPax = (records: string | Buffer): Buffer => {
  const body = Buffer.from(records)
  const header = setFlag(encodeHeader({ ...base, size: body.length }), "x")
  return Buffer.concat([header, body, paddingBytes(body.length), file("x")])
}

const malformed: Record<string, Buffer> = {
  "a wrong checksum": (() => {
    const bytes = file("x")
    bytes[0] = 0x79
    return bytes
  })(),
  "data cut short": file("x", "y".repeat(1000)).subarray(0, 700),
  "a header cut short": file("x").subarray(0, 300),
  "a size that is not a number": withField(124, "9zz"),
  "a negative size": withField(124, Buffer.alloc(12, 0xff)),
  "a size beyond 2^53": withField(124, Buffer.from([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
  "a size that never comes": withField(124, "77777777777\0"),
  "an unknown type": setFlag(file("x"), "Z"),
  "a pax record longer than its header": withPax("99 path=y\n"),
  "a pax record without a value": withPax("7 path\n"),
  "a pax record without its newline": withPax("9 path=y!"),
  "an impossible owner": withPax(formatPax([["uid", Buffer.from("4294967295")]])),
  "a zero byte in a name": withPax(formatPax([["path", Buffer.from("a\0b")]])),
  "a pax time that is none": withPax(formatPax([["mtime", Buffer.from("1e9")]])),
  "a sparse map beyond the file": withPax(
    formatPax([
      ["GNU.sparse.map", Buffer.from("5,10")],
      ["GNU.sparse.size", Buffer.from("9")],
    ]),
  ),
  "overlapping sparse regions": withPax(
    formatPax([
      ["GNU.sparse.map", Buffer.from("0,9,1,9")],
      ["GNU.sparse.size", Buffer.from("99")],
    ]),
  ),
  "an extended header of gigabytes": setFlag(withField(124, "17777777777\0"), "x"),
  "data after an empty block": Buffer.concat([Buffer.alloc(512), file("x")]),
  "an extended header that describes nothing": withPax("10 path=y\n").subarray(0, 1024),
}
for (const [what, bytes] of Object.entries(malformed)) {
  test(`${what} is refused`, () => {
    for (const step of [bytes.length, 100]) {
      expect(() => parse(bytes, step)).toThrow(expect.objectContaining({ kind: "invalidArgument" }))
    }
  })
}

test("streamed members can be read or skipped", async () => {
  const bytes = archive(file("a", "first"), file("b", "second"), file("c", "third"))
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700)
  }
  const read: string[] = []
  for await (const { entry, body } of readTar(chunks())) {
    if (entry.name.toString() === "b") continue
    let text = ""
    for await (const chunk of body) text += Buffer.from(chunk).toString()
    read.push(`${entry.name}=${text}`)
  }
  expect(read).toEqual(["a=first", "c=third"])
})

test("data can be passed over by who knows where it is, and members tell where theirs begins", () => {
  const archive = Buffer.concat(
    ["one", "two", "three"].flatMap((name) => [
      encodeHeader({ name: Buffer.from(name), type: "file", mode: 0, uid: 0, gid: 0, size: 5000, mtime: 0n }),
      Buffer.alloc(5000, name),
      paddingBytes(5000),
    ]),
  )
  for (const step of [512, 700, 100_000]) {
    const found: [string, number][] = []
    const parser = new TarParser({
      entry: (entry, at) => found.push([String(entry.name), at]),
      data: () => {},
      end: () => {},
    })
    const whole = Buffer.concat([archive, endOfArchive, Buffer.alloc(512, "x")])
    for (let at = 0; at < whole.length; ) {
      parser.push(whole.subarray(at, at + step))
      at += step
      at += parser.passOver()
    }
    parser.finish()
    expect(parser.ended).toBe(true)
    expect(found).toEqual([
      ["one", 512],
      ["two", 6144],
      ["three", 11_776],
    ])
  }
})
