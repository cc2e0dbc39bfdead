import { closeDescriptor, fileTypes, openAt, openFlags } from "../../linux/files.ts"
import { resolveUser } from "../../runtime/users.ts"
import { TarParser } from "../../std/tar/parser.ts"
import { serveCalls } from "../../std/worker-calls.ts"
import { gathered } from "../diff/gathered.ts"
import { treeUsage } from "../layers/trees.ts"
import type { FileCalls } from "./calls.ts"
import { packPath } from "./pack.ts"
import { cleanPath, directoryPath, statusOf, withRoot } from "./paths.ts"
import { TreeExtractor } from "./unpack.ts"

const packing = new Map<number, { readonly root: number; readonly bytes: Generator<Uint8Array> }>()
const unpacking = new Map<number, { readonly extractor: TreeExtractor; readonly parser: TarParser }>()
let opened = 0

serveCalls<FileCalls>({
  usage: (directory) => treeUsage(directory).size,
  status: ({ root, path }) => withRoot(root, (open) => statusOf(open, cleanPath(path))),
  directory: ({ root, path }) => withRoot(root, (open) => directoryPath(open, path)),
  startPack: ({ root, path }) => {
    const descriptor = openAt(-100, root, openFlags.path | openFlags.directory)
    try {
      const clean = cleanPath(path)
      const status = statusOf(descriptor, clean)
      const isDirectory = (status.mode & fileTypes.mask) === fileTypes.directory
      packing.set(++opened, { root: descriptor, bytes: gathered(packPath(descriptor, clean, isDirectory)) })
      return { stream: opened, status }
    } catch (error) {
      closeDescriptor(descriptor)
      throw error
    }
  },
  packed: (stream) => {
    const next = packing.get(stream)!.bytes.next()
    return next.done ? null : next.value
  },
  endPack: (stream) => {
    const found = packing.get(stream)
    packing.delete(stream)
    found?.bytes.return(undefined)
    if (found) closeDescriptor(found.root)
    return null
  },
  startUnpack: ({ root, path, options }) => {
    const owner = options.owner === undefined ? undefined : resolveUser(root, options.owner)
    const extractor = new TreeExtractor(root, path, { ...options, owner })
    unpacking.set(++opened, { extractor, parser: new TarParser(extractor) })
    return opened
  },
  unpack: ({ stream, bytes }) => {
    unpacking.get(stream)!.parser.push(bytes)
    return null
  },
  endUnpack: ({ stream, complete }) => {
    const { extractor, parser } = unpacking.get(stream)!
    unpacking.delete(stream)
    using _ = extractor
    if (complete) {
      parser.finish()
      extractor.finish()
    }
    return null
  },
})
