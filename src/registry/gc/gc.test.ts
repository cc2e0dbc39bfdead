import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { mediaTypes } from "../../oci/descriptor.ts"
import { type Digest, digestOf } from "../../oci/digest.ts"
import { registryConfig } from "../config.ts"
import { parseFlags } from "../flags.ts"
import { indexManifest, TestRegistry } from "../registry.fixture.ts"
import type { TagRecord } from "../repositories/repositories.ts"
import { Repositories } from "../repositories/repositories.ts"
import { openStorage } from "../storage/open.ts"
import { FakeS3, fakeKeys } from "../storage/s3/fake.fixture.ts"
import { Uploads } from "../uploads/uploads.ts"
import { Collector } from "./collector.ts"
import { expired } from "./retention.ts"

const eager = { gc: { grace: "0s", uploads: "1h", interval: 0 } }
const has = async (registry: TestRegistry, path: string) => (await registry.ask("HEAD", path)).status === 200
const pool = (registry: TestRegistry) => readdirSync(join(registry.root, "data/blobs/sha256")).sort()

/** Collects after the clock has moved on: what is as old as the grace is not older. */
async function collect(registry: TestRegistry): Promise<void> {
  const now = Date.now()
  while (Date.now() <= now + 10) await new Promise<void>((done) => setImmediate(done))
  await registry.collect()
}

test("what no manifest refers to goes, what one refers to stays", async () => {
  await using registry = await TestRegistry.start(eager)
  const { manifest, layer, config } = await registry.image("a", "v1")
  const lone = await registry.push("a", randomBytes(50))
  await collect(registry)
  expect(await has(registry, `/v2/a/blobs/${lone}`)).toBe(false)
  expect(pool(registry)).toEqual([manifest, layer, config].map((digest) => digest.slice(7)).sort())
  await registry.ask("DELETE", `/v2/a/manifests/${manifest}`)
  await collect(registry)
  expect(pool(registry)).toEqual([])
  expect(await (await registry.ask("GET", "/v2/_catalog")).json()).toEqual({ repositories: [] })
  expect(readdirSync(join(registry.root, "data/repositories"))).toEqual([])
  await registry.image("a/b", "v1") // and can come again
  await registry.image("a", "v1")
})

test("a repository within the name of one that is empty stays", async () => {
  await using registry = await TestRegistry.start(eager)
  const { manifest } = await registry.image("a", "v1")
  const below = await registry.image("a/blobs", "v1")
  await registry.ask("DELETE", `/v2/a/manifests/${manifest}`)
  await collect(registry)
  expect(await (await registry.ask("GET", "/v2/_catalog")).json()).toEqual({ repositories: ["a/blobs"] })
  expect(await has(registry, `/v2/a/blobs/blobs/${below.layer}`)).toBe(true)
})

test("bytes stay as long as one repository has them", async () => {
  await using registry = await TestRegistry.start(eager)
  const layer = randomBytes(100)
  const one = await registry.image("one", "v1", { layer })
  await registry.image("two", "v1", { layer })
  await registry.ask("DELETE", `/v2/one/manifests/${one.manifest}`)
  await collect(registry)
  expect(await has(registry, `/v2/one/blobs/${one.layer}`)).toBe(false)
  expect(await has(registry, `/v2/two/blobs/${one.layer}`)).toBe(true)
})

test("within the grace nothing goes, and asking for a blob begins it anew", async () => {
  await using registry = await TestRegistry.start({ gc: { grace: "1h", interval: 0 } })
  const lone = await registry.push("a", randomBytes(50))
  await collect(registry)
  expect(await has(registry, `/v2/a/blobs/${lone}`)).toBe(true)
})

test("an upload in progress is left alone", async () => {
  await using registry = await TestRegistry.start(eager)
  const location = (await registry.ask("POST", "/v2/a/blobs/uploads/")).headers.get("location")!
  await registry.ask("PATCH", location, { body: "first" })
  await collect(registry)
  const digest = digestOf("first")
  expect((await registry.ask("PUT", `${location}?digest=${digest}`)).status).toBe(201)
})

test("an upload that nobody goes on with is given up", async () => {
  await using registry = await TestRegistry.start({ gc: { grace: 0, uploads: 0, interval: 0 } })
  const location = (await registry.ask("POST", "/v2/a/blobs/uploads/")).headers.get("location")!
  await collect(registry)
  expect((await registry.ask("GET", location)).status).toBe(404)
  expect(readdirSync(join(registry.root, "data/uploads"))).toEqual([])
})

test("untagged manifests go when that is wanted, except what tags lead to", async () => {
  await using registry = await TestRegistry.start({ gc: { ...eager.gc, untagged: true } })
  const part = await registry.image("a", "part")
  const index = indexManifest([{ digest: part.manifest, size: part.bytes.length }])
  await registry.putManifest("a", "index", index, mediaTypes.ociIndex)
  const subject = { mediaType: mediaTypes.ociIndex, digest: digestOf(index), size: index.length }
  const about = await registry.image("a", "sbom", { fields: { subject } })
  const old = await registry.image("a", "old")
  for (const tag of ["part", "sbom", "old"]) await registry.ask("DELETE", `/v2/a/manifests/${tag}`)
  await collect(registry)
  expect(await has(registry, `/v2/a/manifests/${part.manifest}`)).toBe(true)
  expect(await has(registry, `/v2/a/manifests/${about.manifest}`)).toBe(true)
  expect(await has(registry, `/v2/a/manifests/${old.manifest}`)).toBe(false)
  await registry.ask("DELETE", "/v2/a/manifests/index")
  await collect(registry)
  expect(pool(registry)).toEqual([])
})

test("retention lets tags go, never immutable ones", async () => {
  await using registry = await TestRegistry.start({
    ...eager,
    retention: [{ repositories: ["app"], tags: ["pr-*"], keepLast: 1 }],
    immutable: [{ tags: ["pr-1"] }],
  })
  for (const tag of ["pr-1", "pr-2", "pr-3", "stable"]) await registry.image("app", tag)
  await collect(registry)
  expect(await (await registry.ask("GET", "/v2/app/tags/list")).json()).toEqual({
    name: "app",
    tags: ["pr-1", "pr-3", "stable"],
  })
})

/** Four clients push and delete while garbage is collected all the time; each checks what it was told is there. */
async function pushWhileCollecting(registry: TestRegistry): Promise<void> {
  const shared = randomBytes(500)
  let over = false
  const collecting = (async () => {
    while (!over) await registry.collect()
  })()
  // On a busy machine a push may take longer than the grace: then a part of it was collected, and it is done again.
  const push: TestRegistry["image"] = (...what) =>
    registry.image(...what).catch((error: Error) => {
      if (!/MANIFEST_BLOB_UNKNOWN/.test(error.message)) throw error
      return push(...what)
    })
  await Promise.all(
    Array.from({ length: 4 }, async (_, worker) => {
      for (let round = 0; round < 15; round++) {
        const repository = `w${worker % 2}`
        const { manifest } = await push(repository, `t${worker}`, { layer: shared })
        if (round % 3 === 2) await registry.ask("DELETE", `/v2/${repository}/manifests/${manifest}`)
        const last = await push(repository, `t${worker}`)
        expect(await has(registry, `/v2/${repository}/blobs/${last.layer}`)).toBe(true)
        expect(await has(registry, `/v2/${repository}/manifests/t${worker}`)).toBe(true)
      }
    }),
  )
  over = true
  await collecting
}

const stormy = { gc: { ...eager.gc, grace: "1s", untagged: true } }

test("pushing while garbage is collected loses nothing", async () => {
  await using registry = await TestRegistry.start(stormy)
  await pushWhileCollecting(registry)
  expect(readdirSync(join(registry.root, "data/tmp"))).toEqual([])
  expect(readdirSync(join(registry.root, "data/uploads"))).toEqual([])
})

test("nor does it in an object store", async () => {
  await using fake = await FakeS3.start()
  await using registry = await TestRegistry.start({
    ...stormy,
    s3: { endpoint: fake.endpoint, bucket: "bucket", prefix: "p", ...fakeKeys },
  })
  await pushWhileCollecting(registry)
  expect(fake.offences).toEqual([])
})

test("a rule with a number and an age needs both to let a tag go", () => {
  const day = 86_400_000
  const tags = [1, 2, 3, 40, 50].map((days): TagRecord => {
    const digest = digestOf(String(days)) as Digest
    return { tag: `t${days}`, digest, mediaType: "x", size: 1, pushedAt: 100 * day - days * day }
  })
  const names = (rule: object) =>
    expired([{ repositories: ["**"], tags: ["**"], except: [], ...rule }], "a", tags, 100 * day).map(({ tag }) => tag)
  expect(names({ keepLast: 2 })).toEqual(["t3", "t40", "t50"])
  expect(names({ olderThan: 30 * day })).toEqual(["t40", "t50"])
  expect(names({ keepLast: 4, olderThan: 30 * day })).toEqual(["t50"])
  expect(names({ keepLast: 0, olderThan: 0, except: ["t4*"] })).toEqual(["t1", "t2", "t3", "t50"])
})

test("a manifest deep below an index that is tagged while a run is under way stays", async () => {
  await using registry = await TestRegistry.start(eager)
  const { manifest, bytes } = await registry.image("a", "image")
  const inner = indexManifest([{ digest: manifest, size: bytes.length }])
  await registry.putManifest("a", digestOf(inner), inner, mediaTypes.ociIndex)
  const outer = indexManifest([{ digest: digestOf(inner), size: inner.length }])
  await registry.ask("DELETE", "/v2/a/manifests/image")
  await registry.stop()
  const config = registryConfig(parseFlags(["--root", join(registry.root, "data")]))
  await using storage = await openStorage(config)
  await using uploads = new Uploads(storage.spool)
  const repositories = new Repositories(storage, config.policy)
  const locked = repositories.locked.bind(repositories)
  let marked = false
  repositories.locked = async (repository, work) => {
    if (!marked) {
      // The run has decided what goes, and now takes the lock for the first of it.
      marked = true
      await repositories.put({
        repository: "a",
        digest: digestOf(outer),
        bytes: Buffer.from(outer),
        contentType: mediaTypes.ociIndex,
        tags: ["late"],
      })
    }
    return await locked(repository, work)
  }
  const started = Date.now()
  while (Date.now() <= started + 10) await new Promise<void>((done) => setImmediate(done))
  await new Collector({ storage, repositories, uploads }).collect({ ...config.gc, grace: 0, untagged: true }, [])
  expect(marked).toBe(true)
  for (const digest of [manifest, digestOf(inner), digestOf(outer)]) {
    expect((await repositories.manifest("a", digest))?.digest).toBe(digest)
  }
})
