import { BeyondErofs } from "../../std/erofs/tree.ts"
import type { TarEntry } from "../../std/tar/entry.ts"

/** The kernel knows no others: to set one fails with EOPNOTSUPP, and it is left out (`entry-metadata.ts`). */
const namespaces = ["user.", "security.", "system.", "trusted.", "btrfs.", "os2.", "osx."]

const capability = "security.capability"
const longestName = 255
const longestValue = 0xffff

/**
 * The attributes of an entry that its file gets. They are those that {@link setMetadata} sets; where only the kernel can say, the layer is
 * unpacked.
 * @throws BeyondErofs
 */
export function* indexableXattrs({ type, xattrs }: TarEntry): Generator<readonly [string, Buffer]> {
  for (const [key, value] of xattrs ?? []) {
    const space = namespaces.find((each) => key.startsWith(each))
    // trusted.* steers overlay itself; an archive has no say in it.
    if (space === undefined || space === "trusted.") continue
    if (space === "user.") {
      if (type !== "file" && type !== "directory") continue
    } else if (key !== capability || !isCapability(value)) throw new BeyondErofs(`the attribute ${key}`)
    const length = Buffer.byteLength(key)
    if (length === space.length || length > longestName || value.length > longestValue || key.includes("\0")) {
      throw new BeyondErofs(`the attribute ${JSON.stringify(key)} of ${value.length} bytes`)
    }
    yield [key, Buffer.from(value)]
  }
}

/** Whether the kernel takes it: revision 2, or 3 with the user namespace's root (capabilities(7)). */
function isCapability(value: Buffer): boolean {
  if (value.length !== 20 && value.length !== 24) return false
  return value.readUInt32LE(0) >>> 24 === (value.length === 20 ? 2 : 3)
}
