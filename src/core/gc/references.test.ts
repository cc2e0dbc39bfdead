import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mediaTypes } from "../../oci/descriptor.ts"
import { chainIDs, type Digest, digestOf, hexOf, parseDiffID } from "../../oci/digest.ts"
import { BlobReferences } from "./references.ts"

/** A folder of blobs that notes which of them are opened. */
function blobs() {
  const folder = mkdtempSync(join(tmpdir(), "barge-blobs-"))
  const opened: Digest[] = []
  return {
    folder,
    opened,
    put(content: string | object) {
      const text = typeof content === "string" ? content : JSON.stringify(content)
      const digest = digestOf(text)
      writeFileSync(join(folder, hexOf(digest)), text)
      return digest
    },
    path(digest: Digest) {
      opened.push(digest)
      return join(folder, hexOf(digest))
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}

test("an image's documents are read once each, and its layers never", async () => {
  using store = blobs()
  const layer = store.put("{ layers may begin like a document")
  const config = store.put({ rootfs: { diff_ids: [layer] } })
  const manifest = store.put({
    config: { mediaType: mediaTypes.ociConfig, digest: config, size: 1 },
    layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: layer, size: 1 }],
  })
  const index = store.put({ manifests: [{ mediaType: mediaTypes.ociManifest, digest: manifest, size: 1 }] })
  const references = new BlobReferences(store.path)
  const top = { digest: index, mediaType: mediaTypes.ociIndex }
  expect(references.of(top)).toBeUndefined()
  await references.read([top])
  await references.read([top])
  expect(store.opened).toEqual([index, manifest, config])
  expect(references.of({ digest: config, mediaType: mediaTypes.ociConfig })?.snapshots).toEqual(
    chainIDs([parseDiffID(layer)]),
  )
  expect(references.of({ digest: layer, mediaType: mediaTypes.ociLayerGzip })).toEqual({ content: [], snapshots: [] })
})

test("what a lease holds is read when it begins like a document", async () => {
  using store = blobs()
  const config = store.put({ rootfs: { diff_ids: [] } })
  const manifest = store.put({ config: { digest: config }, layers: [] })
  const references = new BlobReferences(store.path)
  await references.read([{ digest: manifest }, { digest: store.put("layer") }])
  expect(references.of({ digest: manifest })?.content).toEqual([{ digest: config }])
})

test("nothing is remembered of a document whose file is missing", async () => {
  using store = blobs()
  const text = JSON.stringify({ manifests: [{ digest: digestOf("x") }] })
  const lost = { digest: digestOf(text), mediaType: mediaTypes.ociIndex }
  const references = new BlobReferences(store.path)
  await references.read([lost])
  expect(references.of(lost)?.content).toEqual([])
  references.keepOnly(new Set([lost.digest]))
  expect(references.of(lost)).toBeUndefined()
  store.put(text)
  await references.read([lost])
  expect(references.of(lost)?.content).toEqual([{ digest: digestOf("x") }])
})

test("a document that is there and cannot be read is an error, not the end of what it leads to", async () => {
  using store = blobs()
  const text = "{}"
  mkdirSync(join(store.folder, hexOf(digestOf(text))))
  const references = new BlobReferences(store.path)
  const blob = { digest: digestOf(text), mediaType: mediaTypes.ociIndex }
  await expect(references.read([blob])).rejects.toThrow("nothing was removed")
  expect(references.of(blob)).toBeUndefined()
})

test("a folder of blobs that is missing is an error: its disk may not be mounted", async () => {
  using store = blobs()
  const manifest = store.put({ manifests: [] })
  const away = `${store.folder}-away`
  renameSync(store.folder, away)
  const references = new BlobReferences(store.path)
  const blob = { digest: manifest, mediaType: mediaTypes.ociIndex }
  await expect(references.read([blob])).rejects.toThrow("nothing was removed")
  renameSync(away, store.folder)
  await references.read([blob])
  expect(references.of(blob)?.content).toEqual([])
})
