import { expect, test } from "bun:test"
import { type Descriptor, mediaTypes } from "./descriptor.ts"
import { digestOf } from "./digest.ts"
import { deepestIndex, linksOf, walkImage } from "./graph.ts"

const descriptor = (name: string, mediaType: string): Descriptor => ({ mediaType, digest: digestOf(name), size: 1 })
const index = (name: string) => descriptor(name, mediaTypes.ociIndex)
const manifest = (name: string) => descriptor(name, mediaTypes.ociManifest)

/** The names of what a walk yields. `tree` says what each index lists. */
async function walked(root: Descriptor, tree: ReadonlyMap<Descriptor, readonly Descriptor[]>): Promise<Descriptor[]> {
  const found: Descriptor[] = []
  for await (const each of walkImage(root, async (document) => tree.get(document) ?? [])) found.push(each)
  return found
}

test("an image is walked from below, and what is listed twice comes once", async () => {
  const [top, inner, one, two] = [index("top"), index("inner"), manifest("one"), manifest("two")]
  const tree = new Map([
    [top, [one, inner]],
    [inner, [two, one]],
  ])
  expect(await walked(top, tree)).toEqual([one, two, inner, top])
})

test("indexes within indexes are walked to one depth and refused below", async () => {
  const chain = Array.from({ length: deepestIndex + 2 }, (_, at) => index(`index ${at}`))
  const tree = new Map(chain.map((each, at) => [each, chain.slice(at + 1, at + 2)]))
  expect(await walked(chain[1]!, tree)).toHaveLength(deepestIndex + 1)
  expect(walked(chain[0]!, tree)).rejects.toThrow("is nested too deeply")
})

test("an index that lists itself ends the walk", async () => {
  const self = index("self")
  expect(await walked(self, new Map([[self, [self]]]))).toEqual([self])
})

test("links are read by what a document says it is", () => {
  const [config, layer, other] = [manifest("config"), manifest("layer"), manifest("other")]
  const links = (document: unknown) => linksOf(document).content.map(({ digest }) => digest)
  expect(links({ manifests: [other, null, { digest: "x" }] })).toEqual([other.digest])
  expect(links({ config, layers: [layer], subject: other })).toEqual([config.digest, layer.digest, other.digest])
  expect(links({ mediaType: mediaTypes.ociManifest, config, layers: [layer], manifests: [other] })).toEqual([
    config.digest,
    layer.digest,
  ])
  expect(linksOf({ rootfs: { diff_ids: [layer.digest] } })).toEqual({ content: [], diffIDs: [layer.digest] })
  for (const odd of [null, 3, "text", [], {}]) expect(linksOf(odd)).toEqual({ content: [], diffIDs: [] })
})
