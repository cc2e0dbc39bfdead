import type { TarEntry } from "../src/std/tar/entry.ts"
import { encodeHeader, endOfArchive, paddingBytes } from "../src/std/tar/writer.ts"

/** One entry for a test's archive: the name, what differs from an empty file, and a file's content. */
export type Member = readonly [
  name: string | Buffer,
  entry?: Partial<Omit<TarEntry, "name" | "linkName">> & { readonly link?: string | Buffer },
  content?: string | Buffer,
]

/** An archive of `members`. */
export function tarOf(...members: readonly Member[]): Buffer {
  return Buffer.concat([...members.flatMap(encode), endOfArchive])
}

function encode([name, { link, ...more } = {}, content = ""]: Member): Buffer[] {
  const body = Buffer.from(content)
  const entry: TarEntry = {
    name: Buffer.from(name),
    type: link === undefined ? "file" : "symlink",
    mode: more.type === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: 1_600_000_000_000_000_000n,
    ...(link === undefined ? {} : { linkName: Buffer.from(link) }),
    ...more,
  }
  return [encodeHeader(entry), body, paddingBytes(body.length)]
}
