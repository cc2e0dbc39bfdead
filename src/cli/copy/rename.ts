import { readTar } from "../../std/tar/reader.ts"
import { encodeHeader, endOfArchive, paddingBytes } from "../../std/tar/writer.ts"

/** An archive whose entries' names begin with `to` where they began with `from`; "/" stands for every name's beginning. */
export async function* renameEntries(
  source: AsyncIterable<Uint8Array>,
  from: string,
  to: string,
): AsyncGenerator<Uint8Array> {
  const old = from === "/" ? "" : from
  const renamed = (name: Buffer) => {
    const text = name.toString("latin1")
    const [search, replacement] = [old, to].map((each) => Buffer.from(each).toString("latin1"))
    const at = text.indexOf(search!)
    if (at < 0) return name
    return Buffer.from(text.slice(0, at) + replacement + text.slice(at + search!.length), "latin1")
  }
  for await (const { entry, body } of readTar(source)) {
    const linkName = entry.type === "hardlink" && entry.linkName ? renamed(entry.linkName) : entry.linkName
    yield encodeHeader({ ...entry, name: renamed(entry.name), ...(linkName ? { linkName } : {}) })
    let length = 0
    for await (const chunk of body) {
      length += chunk.length
      yield Uint8Array.from(chunk)
    }
    yield paddingBytes(length)
  }
  yield endOfArchive
}
