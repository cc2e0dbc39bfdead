import { Failure } from "../../errors/failure.ts"
import type { TarEntry } from "../../std/tar/entry.ts"
import { readTar } from "../../std/tar/reader.ts"
import { encodeHeader, endOfArchive, paddingBytes } from "../../std/tar/writer.ts"
import { type ContextRecord, checkContextName, type TlsFiles } from "./store.ts"

/** A context outside of the store. */
export interface PortableContext {
  readonly record: ContextRecord
  readonly tls: TlsFiles
}

/** More than this many bytes are no context. */
const mostBytes = 10 << 20

/** The archive that `context export` writes: `meta.json` and `tls/docker/…`. */
export function packContext({ record, tls }: PortableContext): Buffer {
  const folders = ["tls", ...(tls.size > 0 ? ["tls/docker"] : [])].map((name) =>
    encodeHeader({ ...plainEntry, name: Buffer.from(name), type: "directory", mode: 0o700 }),
  )
  return Buffer.concat([
    file("meta.json", Buffer.from(JSON.stringify(record)), 0o644),
    ...folders,
    ...[...tls].map(([name, bytes]) => file(`tls/docker/${name}`, bytes, 0o600)),
    endOfArchive,
  ])
}

const plainEntry = { uid: 0, gid: 0, size: 0, mtime: 0n } as const

function file(name: string, bytes: Uint8Array, mode: number): Buffer {
  const entry: TarEntry = { ...plainEntry, name: Buffer.from(name), type: "file", mode, size: bytes.length }
  return Buffer.concat([encodeHeader(entry), bytes, paddingBytes(bytes.length)])
}

/** Reads such an archive. @param name what the context is going to be called @throws invalidArgument in docker's words */
export async function unpackContext(source: AsyncIterable<Uint8Array>, name: string): Promise<PortableContext> {
  checkContextName(name)
  let record: ContextRecord | undefined
  const tls = new Map<string, Uint8Array>()
  for await (const { entry, body } of readTar(limited(source))) {
    if (entry.type !== "file") continue
    const path = entry.name.toString()
    checkPath(path)
    const bytes: Buffer[] = []
    for await (const chunk of body) bytes.push(Buffer.from(chunk))
    if (path === "meta.json") {
      const { Metadata, Endpoints } = JSON.parse(Buffer.concat(bytes).toString()) as Partial<ContextRecord>
      record = { Name: name, Metadata: Metadata ?? {}, Endpoints: Endpoints ?? {} }
      continue
    }
    const [, endpoint, fileName] = path.split("/")
    if (!endpoint || !fileName) throw new Failure("invalidArgument", "archive format is invalid")
    if (endpoint === "docker") tls.set(fileName, Buffer.concat(bytes))
  }
  if (!record) throw new Failure("invalidArgument", "invalid context: no metadata found")
  return { record, tls }
}

function checkPath(path: string): void {
  const wrong = (what: string) => new Failure("invalidArgument", `${path}: ${what}`)
  if (path !== "meta.json" && !path.startsWith("tls/")) throw wrong("unexpected context file")
  if (path.split("/").some((part) => part === "" || part === "." || part === ".."))
    throw wrong("unexpected path format")
  if (path.includes("\\")) throw wrong("unexpected '\\' in path")
}

async function* limited(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = mostBytes
  for await (const chunk of source) {
    left -= chunk.length
    if (left < 0) throw new Failure("tooLarge", "read exceeds the defined limit")
    yield chunk
  }
}
