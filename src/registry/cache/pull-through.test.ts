import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { eventually } from "../../../test/fixtures/eventually.ts"
import { Failure } from "../../errors/failure.ts"
import { mediaTypes } from "../../oci/descriptor.ts"
import { type Digest, digestOf } from "../../oci/digest.ts"
import { codeOf, imageManifest, TestRegistry } from "../registry.fixture.ts"
import type { RemoteRepository } from "./remote.ts"

/** A registry to keep things of, in memory. */
class FakeRemote implements RemoteRepository {
  readonly blobs = new Map<string, Buffer>()
  readonly tagged = new Map<string, string>()
  readonly asked: string[] = []
  down = false
  /** Takes questions about tags and answers none. */
  silent = false
  /** What manifests are sent as. */
  type: string = mediaTypes.ociManifest
  /** Bytes after which a body breaks off, once for each. */
  readonly breaks: number[] = []
  /** Awaited before each chunk of a body. */
  gate: Promise<void> = Promise.resolve()

  image(tag: string, layer: Buffer = randomBytes(300_000)): { layer: Digest; text: string } {
    const config = Buffer.from(`{"of":"${digestOf(layer)}"}`)
    for (const bytes of [layer, config]) this.blobs.set(digestOf(bytes), bytes)
    const text = imageManifest({ digest: digestOf(config), size: config.length }, [
      { digest: digestOf(layer), size: layer.length },
    ])
    this.tagged.set(tag, text)
    return { layer: digestOf(layer), text }
  }

  async resolve(reference: string, signal?: AbortSignal) {
    if (this.silent) {
      this.#ask(`resolve ${reference}`)
      await new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)))
    }
    return this.#manifest("resolve", reference).descriptor
  }

  async manifest(reference: string) {
    return this.#manifest("manifest", reference)
  }

  #manifest(what: string, reference: string) {
    this.#ask(`${what} ${reference}`)
    const text = this.tagged.get(reference) ?? [...this.tagged.values()].find((each) => digestOf(each) === reference)
    if (text === undefined) throw new Failure("notFound", "no such manifest")
    const descriptor = { mediaType: this.type, digest: digestOf(text), size: text.length }
    return { descriptor, bytes: Buffer.from(text) }
  }

  async tags() {
    this.#ask("tags")
    return [...this.tagged.keys()]
  }

  async referrers(digest: Digest) {
    this.#ask(`referrers ${digest}`)
    return [{ mediaType: mediaTypes.ociManifest, digest: digestOf("about"), size: 5, artifactType: "application/sbom" }]
  }

  async blobSize(digest: Digest) {
    this.#ask(`size ${digest}`)
    return this.blobs.get(digest)?.length
  }

  async blob(digest: Digest, { offset }: { offset: number }) {
    this.#ask(`blob ${offset}`)
    const bytes = this.blobs.get(digest)
    if (!bytes) throw new Failure("notFound", "no such blob")
    const end = this.breaks.shift()
    const { gate } = this
    return {
      offset,
      size: bytes.length,
      body: (async function* () {
        for (let at = offset; at < bytes.length; at += 64 * 1024) {
          if (end !== undefined && at >= end) throw new Error("the connection broke")
          if (at > 0) await gate
          yield bytes.subarray(at, at + 64 * 1024)
        }
      })(),
    }
  }

  #ask(what: string): void {
    if (this.down) throw new Failure("unavailable", "connection refused")
    this.asked.push(what)
  }
}

async function withCache(ttl: string, use: (cache: TestRegistry, remote: FakeRemote) => Promise<void>): Promise<void> {
  const remote = new FakeRemote()
  const config = { proxies: [{ url: "https://upstream.example", prefix: "hub/", ttl }] }
  await using cache = await TestRegistry.start(config, [], { remote: async () => remote })
  await use(cache, remote)
}

const get = async (cache: TestRegistry, path: string) => {
  const answer = await cache.ask("GET", `/v2/hub/app/${path}`)
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()), headers: answer.headers }
}

/** Resolves when nothing is left of downloads. */
async function spoolEmpties(cache: TestRegistry): Promise<void> {
  while (readdirSync(join(cache.root, "data/uploads")).length > 0) await new Promise<void>((done) => setImmediate(done))
}

test("an image is fetched once, and served without its registry from then on", () =>
  withCache("1h", async (cache, remote) => {
    const { layer, text } = remote.image("v1")
    expect((await get(cache, "manifests/v1")).bytes.toString()).toBe(text)
    const first = await get(cache, `blobs/${layer}`)
    expect([first.status, first.headers.get("content-length")]).toEqual([200, "300000"])
    expect(digestOf(first.bytes)).toBe(layer)
    expect(remote.asked).toEqual(["manifest v1", "blob 0"])
    remote.down = true
    expect((await get(cache, "manifests/v1")).bytes.toString()).toBe(text)
    expect((await get(cache, `manifests/${digestOf(text)}`)).status).toBe(200)
    expect(digestOf((await get(cache, `blobs/${layer}`)).bytes)).toBe(layer)
    const head = await cache.ask("HEAD", `/v2/hub/app/blobs/${layer}`)
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "300000"])
  }))

test("a blob reaches every client while it comes, and is fetched once", () =>
  withCache("1h", async (cache, remote) => {
    const { layer } = remote.image("v1", randomBytes(2_000_000))
    const gate = Promise.withResolvers<void>()
    remote.gate = gate.promise
    const pulls = Array.from({ length: 5 }, () => get(cache, `blobs/${layer}`))
    const ranged = cache.ask("GET", `/v2/hub/app/blobs/${layer}`, { headers: { Range: "bytes=10-19" } })
    gate.resolve()
    for (const { bytes } of await Promise.all(pulls)) expect(digestOf(bytes)).toBe(layer)
    const part = await ranged
    expect([part.status, (await part.arrayBuffer()).byteLength]).toEqual([206, 10])
    expect(remote.asked).toEqual(["blob 0"])
    await spoolEmpties(cache)
  }))

test("a body that breaks off is gone on with where it broke", () =>
  withCache("1h", async (cache, remote) => {
    const { layer } = remote.image("v1", randomBytes(2_000_000))
    remote.breaks.push(700_000, 1_400_000)
    expect(digestOf((await get(cache, `blobs/${layer}`)).bytes)).toBe(layer)
    expect(remote.asked).toHaveLength(3)
    expect(remote.asked.at(-1)).not.toBe("blob 0")
  }))

test("wrong bytes are never given out whole, and not kept", () =>
  withCache("1h", async (cache, remote) => {
    const { layer } = remote.image("v1")
    remote.blobs.set(layer, randomBytes(300_000))
    const pulled = await get(cache, `blobs/${layer}`).then(
      ({ bytes }) => bytes.length,
      () => "broken off",
    )
    expect(pulled).toBe("broken off")
    expect(existsSync(join(cache.root, "data/blobs/sha256", layer.slice(7)))).toBe(false)
    await spoolEmpties(cache)
  }))

test("a tag is looked at again after its time, fetched when it moved, and served as it was when nobody answers", () =>
  withCache("0s", async (cache, remote) => {
    const { text } = remote.image("v1")
    await get(cache, "manifests/v1")
    await get(cache, "manifests/v1")
    expect(remote.asked).toEqual(["manifest v1", "resolve v1"])
    const moved = remote.image("v1")
    expect((await get(cache, "manifests/v1")).bytes.toString()).toBe(moved.text)
    remote.down = true
    expect((await get(cache, "manifests/v1")).bytes.toString()).toBe(moved.text)
    expect(cache.lines.join("")).toContain("connection refused")
    expect((await get(cache, `manifests/${digestOf(text)}`)).status).toBe(200)
  }))

test("beyond the budget the blobs go that were not asked for the longest, over restarts too", async () => {
  const remote = new FakeRemote()
  const config = { proxies: [{ url: "https://upstream.example", prefix: "hub/", ttl: "1h" }], cacheSize: "1MB" }
  const root = mkdtempSync(join(tmpdir(), "cache-budget-"))
  const images = ["a", "b", "c", "d"].map((tag) => remote.image(tag))
  const here = (cache: TestRegistry) =>
    images.map(({ layer }) => existsSync(join(cache.root, "data/blobs/sha256", layer.slice("sha256:".length))))
  const ask = async (cache: TestRegistry, at: number) =>
    expect(digestOf((await get(cache, `blobs/${images[at]!.layer}`)).bytes)).toBe(images[at]!.layer)
  const open = () => TestRegistry.start(config, [], { root, remote: async () => remote })
  try {
    {
      await using cache = await open()
      // Each at a time of its own.
      for (const at of [0, 1, 2, 0]) {
        await ask(cache, at)
        await pause(2)
      }
      expect(here(cache)).toEqual([true, true, true, false])
    }
    {
      await using cache = await open()
      await ask(cache, 3)
      await eventually(async () => here(cache).includes(false), "a blob goes")
      expect(here(cache)).toEqual([true, false, true, true])
      await ask(cache, 1)
      expect(remote.asked.filter((asked) => asked === "blob 0")).toHaveLength(5)
      // What is too large on its own is given out, and goes at once, alone.
      const { layer } = remote.image("large", randomBytes(1_200_000))
      expect(digestOf((await get(cache, `blobs/${layer}`)).bytes)).toBe(layer)
      const path = join(cache.root, "data/blobs/sha256", layer.slice("sha256:".length))
      await eventually(async () => !existsSync(path), "the large one goes")
      expect(here(cache)[1]).toBe(true)
    }
  } finally {
    rmSync(root, { recursive: true })
  }
})

test("tags and referrers are the upstream's, or those that are here when it does not answer", () =>
  withCache("1h", async (cache, remote) => {
    for (const tag of ["v2", "v1"]) remote.image(tag)
    const tags = async () => (await (await cache.ask("GET", "/v2/hub/app/tags/list")).json()) as object
    expect(await tags()).toEqual({ name: "hub/app", tags: ["v1", "v2"] })
    const list = `/v2/hub/app/referrers/${digestOf("x")}?artifactType=application/sbom`
    expect(await (await cache.ask("GET", list)).json()).toMatchObject({ manifests: [{ digest: digestOf("about") }] })
    await get(cache, "manifests/v1")
    remote.down = true
    expect(await tags()).toEqual({ name: "hub/app", tags: ["v1"] })
    expect((await cache.ask("GET", "/v2/hub/other/tags/list")).status).toBe(502)
  }))

test("a mirror of several registries is told which by ns, as containerd does", async () => {
  const remotes = new Map(["one.example", "two.example"].map((name) => [name, new FakeRemote()]))
  const proxies = [...remotes.keys()].map((name) => ({ url: `https://${name}`, prefix: `${name}/` }))
  const asked: string[] = []
  const remote = async ({ prefix }: { prefix: string }, name: string) => {
    asked.push(name)
    return remotes.get(prefix.slice(0, -1))!
  }
  await using cache = await TestRegistry.start({ proxies }, [], { remote })
  const { text } = remotes.get("two.example")!.image("v1")
  const answer = await cache.ask("GET", "/v2/library/app/manifests/v1?ns=two.example")
  expect([answer.status, await answer.text()]).toEqual([200, text])
  expect(asked).toEqual(["library/app"])
  expect((await cache.ask("GET", "/v2/library/app/manifests/v1?ns=three.example")).status).toBe(404)
})

test("what neither has is unknown, what cannot be asked for is unavailable, and nothing is pushed here", () =>
  withCache("1h", async (cache, remote) => {
    const missing = await cache.ask("GET", "/v2/hub/app/manifests/nope")
    expect([missing.status, await codeOf(missing)]).toEqual([404, "MANIFEST_UNKNOWN"])
    const blob = await cache.ask("GET", `/v2/hub/app/blobs/${digestOf("nope")}`)
    expect([blob.status, await codeOf(blob)]).toEqual([404, "BLOB_UNKNOWN"])
    remote.down = true
    const down = await cache.ask("GET", "/v2/hub/app/manifests/v1")
    expect([down.status, await codeOf(down)]).toEqual([502, "UNAVAILABLE"])
    const push = await cache.ask("POST", "/v2/hub/app/blobs/uploads/")
    expect([push.status, await codeOf(push)]).toEqual([405, "UNSUPPORTED"])
    await cache.image("own/app", "v1")
    expect((await cache.ask("GET", "/v2/own/app/manifests/v1")).status).toBe(200)
  }))

test("a copy is served soon when the upstream says nothing, and at once from then on", () =>
  withCache("0s", async (cache, remote) => {
    const { text } = remote.image("v1")
    await get(cache, "manifests/v1")
    remote.silent = true
    for (let round = 0; round < 5; round++) {
      expect((await get(cache, "manifests/v1")).bytes.toString()).toBe(text)
    }
    // The first waited for the upstream, the others did not ask it.
    expect(remote.asked).toEqual(["manifest v1", "resolve v1"])
  }))

test("what is no manifest is not kept, and told of as the upstream's fault", () =>
  withCache("0s", async (cache, remote) => {
    remote.tagged.set("v1", "<html>Please log in</html>")
    for (const type of ["text/html", mediaTypes.ociManifest]) {
      remote.type = type
      for (const method of ["GET", "HEAD"]) {
        expect((await cache.ask(method, "/v2/hub/app/manifests/v1")).status).toBe(502)
      }
    }
    remote.tagged.delete("v1")
    expect((await get(cache, "manifests/v1")).status).toBe(404)
  }))

test("HEAD of a blob tells that the upstream does not answer, as GET does", () =>
  withCache("1h", async (cache, remote) => {
    const { layer } = remote.image("v1")
    remote.blobSize = async () => {
      throw new Failure("internal", "received unexpected HTTP status: 500")
    }
    remote.down = true
    for (const method of ["GET", "HEAD"]) {
      expect((await cache.ask(method, `/v2/hub/app/blobs/${layer}`)).status).toBe(502)
    }
  }))

test("a quota holds in a cache too, and is told before the first byte", async () => {
  const remote = new FakeRemote()
  const config = { proxies: [{ url: "https://upstream.example", prefix: "hub/" }], quotas: [{ bytes: 250_000 }] }
  await using cache = await TestRegistry.start(config, [], { remote: async () => remote })
  const { layer } = remote.image("v1")
  const answer = await cache.ask("GET", `/v2/hub/app/blobs/${layer}`)
  expect([answer.status, await codeOf(answer)]).toEqual([403, "DENIED"])
  await spoolEmpties(cache)
  expect(existsSync(join(cache.root, "data/blobs/sha256", layer.slice(7)))).toBe(false)
})
