import { expect, test } from "bun:test"
import type { TransferProgress } from "../../src/core/transfer/progress.ts"
import { mediaTypes } from "../../src/oci/descriptor.ts"
import { parseReference } from "../../src/oci/reference.ts"
import { openStores, type Stores } from "../core-stores.ts"
import { MemoryRegistry } from "../fixtures/memory-registry.ts"
import { tarOf } from "../tar-archive.ts"

interface Bench {
  readonly stores: Stores
  readonly source: MemoryRegistry
  readonly target: MemoryRegistry
  copy(
    from: string,
    to: string,
    options?: { readonly platform?: string; readonly referrers?: boolean },
  ): Promise<Copied>
}

interface Copied {
  readonly digest: string
  readonly phases: readonly string[]
}

const check = (name: string, use: (bench: Bench) => Promise<void>) =>
  test(name, async () => {
    await using source = await MemoryRegistry.start()
    await using target = await MemoryRegistry.start()
    await using stores = await openStores()
    await use({
      stores,
      source,
      target,
      copy: async (from, to, { platform, referrers = false } = {}) => {
        const steps: TransferProgress[] = []
        const { digest } = await stores.remote.copy(stores.scope, parseReference(from), parseReference(to), {
          ...(platform ? { platform: { os: "linux", architecture: platform } } : {}),
          referrers,
          credentials: () => undefined,
          progress: (progress) => steps.push(progress),
        })
        return { digest, phases: [...new Set(steps.map(({ phase }) => phase))] }
      },
    })
  })

const image = (registry: MemoryRegistry, text: string, architecture = "amd64") =>
  registry.addImage("app", text, [tarOf(["file", {}, text])], { architecture })

check("an image goes from registry to registry as it is, and nothing of it stays here", async (bench) => {
  const { source, target, stores, copy } = bench
  const { digest } = image(source, "one")
  expect((await copy(`${source.host}/app:one`, `${target.host}/other:1`)).digest).toBe(digest)
  expect(target.manifests.get("other")!.get("1")!.bytes).toEqual(source.manifests.get("app")!.get("one")!.bytes)
  expect((await copy(`${source.host}/app:one`, `${target.host}/other:1`)).phases).toEqual(["present"])
  expect((await copy(`${source.host}/app:one`, `${source.host}/twin:1`)).phases).toEqual(["linked"])
  expect(await Array.fromAsync(stores.content.list(stores.scope))).toEqual([])
})

check("an index goes with all its platforms, or one of them alone", async ({ source, target, copy }) => {
  const manifests = ["amd64", "arm64"].map((architecture) => ({
    ...image(source, architecture, architecture),
    platform: { os: "linux", architecture },
  }))
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }
  const { digest } = source.addManifest("app", "all", index)
  expect((await copy(`${source.host}/app:all`, `${target.host}/app:all`)).digest).toBe(digest)
  for (const manifest of manifests) expect(target.manifests.get("app")!.has(manifest.digest)).toBe(true)
  expect((await copy(`${source.host}/app:all`, `${target.host}/app:arm`, { platform: "arm64" })).digest).toBe(
    manifests[1]!.digest,
  )
})

check("signatures go along when they are asked for", async ({ source, target, copy }) => {
  const { digest } = image(source, "one")
  const config = { mediaType: "application/vnd.oci.empty.v1+json", ...source.addBlob("app", Buffer.from("{}")) }
  const layer = {
    mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
    ...source.addBlob("app", Buffer.from("sig")),
  }
  const signature = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }
  const tag = `${digest.replace(":", "-")}.sig`
  source.addManifest("app", tag, signature)
  await copy(`${source.host}/app:one`, `${target.host}/app:one`)
  expect(target.manifests.get("app")!.has(tag)).toBe(false)
  await copy(`${source.host}/app:one`, `${target.host}/app:one`, { referrers: true })
  expect(target.manifests.get("app")!.has(tag)).toBe(true)
})

check("a blob that is cut on the way arrives whole", async ({ source, target, copy }) => {
  const content = Buffer.alloc(400_000, "abc")
  const { digest } = source.addImage("app", "1", [tarOf(["file", {}, content])], { compress: (tar) => tar })
  source.fault = ({ path, method, before }, response) => {
    const bytes = source.blobs.get(path.split("/").at(-1)!)
    if (method !== "GET" || before > 0 || !bytes || bytes.length < 400_000) return false
    response.writeHead(200, { "content-length": bytes.length })
    response.write(bytes.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20))
    return true
  }
  expect((await copy(`${source.host}/app:1`, `${target.host}/app:1`)).digest).toBe(digest)
})
