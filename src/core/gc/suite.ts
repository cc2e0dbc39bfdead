import { expect, test } from "bun:test"
import { mediaTypes } from "../../oci/descriptor.ts"
import { chainIDs, type Digest, digestOf, parseDiffID } from "../../oci/digest.ts"
import type { ContainerStore } from "../containers/contract.ts"
import type { ContentStore } from "../content/contract.ts"
import type { ImageStore } from "../images/contract.ts"
import type { LeaseStore } from "../leases/contract.ts"
import { backgroundScope, type Scope } from "../scope.ts"
import type { GarbageCollector } from "./contract.ts"

/** A whole core to collect in. `snapshots` needs no files behind it. */
export interface Collectable {
  readonly collector: GarbageCollector
  readonly content: ContentStore
  readonly images: ImageStore
  readonly containers: ContainerStore
  readonly leases: LeaseStore
  readonly snapshots: {
    prepare(scope: Scope, key: string, parent: string | undefined, labels?: Readonly<Record<string, string>>): void
    commit(scope: Scope, name: string, key: string): void
    names(scope: Scope): readonly string[]
  }
}

const scope = backgroundScope("moby", "test")
const other = backgroundScope("k8s.io", "test")
const json = (value: unknown) => Buffer.from(JSON.stringify(value))

interface Made {
  readonly index: Digest
  readonly blobs: readonly Digest[]
  readonly chain: readonly string[]
}

/** An index of one manifest with two layers, unpacked. */
async function makeImage(core: Collectable, name: string, to: Scope = scope): Promise<Made> {
  const descriptor = (info: { digest: Digest; size: number }, mediaType: string) => ({
    mediaType,
    digest: info.digest,
    size: info.size,
  })
  const layers = [
    await core.content.put(to, Buffer.from("base layer")),
    await core.content.put(to, Buffer.from(`layer of ${name}`)),
  ]
  const diffIDs = layers.map((layer) => parseDiffID(layer.digest))
  const config = await core.content.put(to, json({ os: "linux", rootfs: { type: "layers", diff_ids: diffIDs } }))
  const manifest = await core.content.put(
    to,
    json({
      schemaVersion: 2,
      config: descriptor(config, mediaTypes.ociConfig),
      layers: layers.map((layer) => descriptor(layer, mediaTypes.ociLayer)),
    }),
  )
  const index = await core.content.put(
    to,
    json({ schemaVersion: 2, manifests: [descriptor(manifest, mediaTypes.ociManifest)] }),
  )
  const chain: string[] = chainIDs(diffIDs)
  let parent: string | undefined
  for (const name of chain) {
    if (!core.snapshots.names(to).includes(name)) {
      core.snapshots.prepare(to, `unpack-${name}`, parent)
      core.snapshots.commit(to, name, `unpack-${name}`)
    }
    parent = name
  }
  await core.images.set(to, name, descriptor(index, mediaTypes.ociIndex))
  return { index: index.digest, blobs: [...layers, config, manifest, index].map((info) => info.digest), chain }
}

async function digests(core: Collectable, of: Scope = scope): Promise<Digest[]> {
  const found: Digest[] = []
  for await (const info of core.content.list(of)) found.push(info.digest)
  return found
}

/** What every {@link GarbageCollector} must do. `run` calls its argument with an empty core. */
export function collectorSuite(run: (use: (core: Collectable) => Promise<void>) => Promise<void>): void {
  const check = (name: string, use: (core: Collectable) => Promise<void>) => test(name, () => run(use))

  check("an image keeps its index, manifest, configuration, layers and snapshots", async (core) => {
    const image = await makeImage(core, "a")
    expect(await core.collector.collect()).toEqual({ blobs: 0, snapshots: 0, bytes: 0 })
    expect((await digests(core)).sort()).toEqual([...image.blobs].sort())
    expect(core.snapshots.names(scope)).toEqual(image.chain)
  })

  check("what only a removed image referred to goes, what another shares stays", async (core) => {
    const kept = await makeImage(core, "kept")
    const gone = await makeImage(core, "gone")
    await core.images.remove(scope, "gone")
    const { blobs, snapshots, bytes } = await core.collector.collect()
    expect({ blobs, snapshots }).toEqual({ blobs: 4, snapshots: 1 })
    expect(bytes).toBeGreaterThan(100)
    expect((await digests(core)).sort()).toEqual([...kept.blobs].sort())
    expect(core.snapshots.names(scope)).toEqual(kept.chain)
    expect(gone.chain[0]).toBe(kept.chain[0]!)
  })

  check("a container keeps the snapshots under it when its image is gone", async (core) => {
    const image = await makeImage(core, "a")
    await core.containers.create(scope, { id: "c", runtime: "crun", snapshot: { key: "c", parent: image.chain[1] } })
    await core.images.remove(scope, "a")
    await core.collector.collect()
    expect(await digests(core)).toEqual([])
    expect(core.snapshots.names(scope)).toEqual([...image.chain, "c"])
    await core.containers.remove(scope, "c")
    await core.collector.collect()
    expect(core.snapshots.names(scope)).toEqual([])
  })

  check("a lease keeps what its scope wrote and what it found, until it ends", async (core) => {
    const found = await core.content.put(scope, Buffer.from("found"))
    await core.leases.within(scope, async (leased) => {
      expect(await core.content.has(leased, found.digest)).toBe(true)
      const written = await core.content.put(leased, Buffer.from("written"))
      core.snapshots.prepare(leased, "unpacking", undefined)
      await core.content.put(scope, Buffer.from("nobody's"))
      await core.collector.collect()
      expect((await digests(core)).sort()).toEqual([found.digest, written.digest].sort())
      expect(core.snapshots.names(scope)).toEqual(["unpacking"])
    })
    await core.collector.collect()
    expect(await digests(core)).toEqual([])
    expect(core.snapshots.names(scope)).toEqual([])
  })

  check("a lease whose time is over keeps nothing", async (core) => {
    await core.leases.create(scope, { id: "short", ttlMs: 3_600_000 })
    const leased = { ...scope, lease: "short" }
    await core.content.put(leased, Buffer.from("x"))
    await core.collector.collect()
    expect(await digests(core)).toHaveLength(1)
    await core.leases.remove(scope, "short")
    await core.collector.collect()
    expect(await digests(core)).toHaveLength(0)
  })

  check("labels keep content and snapshots: roots, and what they refer to", async (core) => {
    const leaf = await core.content.put(scope, Buffer.from("leaf"))
    core.snapshots.prepare(scope, "extra", undefined)
    const root = await core.content.put(scope, Buffer.from("root"), {
      "containerd.io/gc.root": "2026-01-01T00:00:00Z",
      "containerd.io/gc.ref.content.0": leaf.digest,
      "containerd.io/gc.ref.snapshot.overlay": "extra",
    })
    core.snapshots.prepare(scope, "own", undefined, { "containerd.io/gc.root": "yes" })
    await core.collector.collect()
    expect((await digests(core)).sort()).toEqual([leaf.digest, root.digest].sort())
    expect([...core.snapshots.names(scope)].sort()).toEqual(["extra", "own"])
  })

  check("an open or interrupted write is not garbage", async (core) => {
    {
      await using ingest = await core.content.ingest(scope, "pull")
      await ingest.write(Buffer.from("half"))
      await core.collector.collect()
      await ingest.write(Buffer.from(" and half"))
    }
    await core.collector.collect()
    await using ingest = await core.content.ingest(scope, "pull")
    expect((await ingest.commit(scope)).digest).toBe(digestOf("half and half"))
  })

  check("an interrupted write is dropped on request, unless it is open or leased", async (core) => {
    const lease = await core.leases.create(scope, { id: "pulling" })
    for (const [ref, within] of [
      ["left", scope],
      ["leased", { ...scope, lease: lease.id }],
    ] as const) {
      await using ingest = await core.content.ingest(within, ref)
      await ingest.write(Buffer.from("half"))
    }
    await using open = await core.content.ingest(scope, "open")
    await open.write(Buffer.from("ha"))
    expect(await core.collector.dropInterrupted()).toBe(4)
    await open.write(Buffer.from("lf"))
    expect((await open.commit(scope)).digest).toBe(digestOf("half"))
    expect((await Array.fromAsync(core.content.ingests(scope))).map(({ ref }) => ref)).toEqual(["leased"])
    await core.leases.remove(scope, "pulling")
    expect(await core.collector.dropInterrupted()).toBe(4)
  })

  check("a namespace's garbage does not take the bytes that another keeps", async (core) => {
    await makeImage(core, "a")
    const kept = await makeImage(core, "a", other)
    await core.images.remove(scope, "a")
    const { blobs, bytes } = await core.collector.collect()
    expect({ blobs, bytes }).toEqual({ blobs: 5, bytes: 0 })
    for (const digest of kept.blobs) expect(digestOf(await core.content.readAll(other, digest))).toBe(digest)
  })

  check("a hostile or broken document keeps nothing and breaks nothing", async (core) => {
    for (const text of ['{"manifests":[null,{"digest":"x"},3]}', "{", '{"rootfs":{"diff_ids":["x"]}}', "[]", "{}"]) {
      const { digest, size } = await core.content.put(scope, Buffer.from(text))
      await core.images.set(scope, `image ${text}`, { mediaType: mediaTypes.ociManifest, digest, size })
    }
    expect(await core.collector.collect()).toMatchObject({ blobs: 0 })
  })

  check("calls while a collection runs share its successor", async (core) => {
    const first = core.collector.collect()
    const second = core.collector.collect()
    expect(core.collector.collect()).toBe(second)
    expect(second).not.toBe(first)
    await Promise.all([first, second])
  })

  check("pulls that run beside collections and removals never lose a blob", async (core) => {
    let done = false
    const collecting = (async () => {
      let rounds = 0
      while (!done || rounds < 5) {
        await core.collector.collect()
        await new Promise((resolve) => setImmediate(resolve))
        rounds++
      }
    })()
    await Promise.all(
      Array.from({ length: 4 }, async (_, worker) => {
        for (let round = 0; round < 15; round++) {
          const name = `image-${worker}-${round % 3}`
          const image = await core.leases.within(scope, (leased) =>
            makeImage(
              {
                ...core,
                snapshots: {
                  ...core.snapshots,
                  prepare: (_, key, parent) => core.snapshots.prepare(leased, key, parent),
                },
              },
              name,
              leased,
            ),
          )
          for (const digest of image.blobs) expect(digestOf(await core.content.readAll(scope, digest))).toBe(digest)
          if (round % 2 === 1) await core.images.remove(scope, name)
        }
      }),
    )
    done = true
    await collecting
    for (const image of await core.images.list(scope)) await core.images.remove(scope, image.name)
    await core.collector.collect()
    expect(await digests(core)).toEqual([])
    expect(core.snapshots.names(scope)).toEqual([])
  })
}
