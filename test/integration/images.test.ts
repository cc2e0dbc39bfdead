import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import type { EventMessage } from "../../src/api/events.ts"
import { type Filters, noFilters } from "../../src/api/filters.ts"
import type { ImageDeleteItem, JsonMessage } from "../../src/api/image.ts"
import { withMounted } from "../../src/core/snapshots/suite.ts"
import { addSource } from "../../src/core/transfer/sources.ts"
import { download } from "../../src/distribution/download.ts"
import type { ImageUser } from "../../src/engine/images/context.ts"
import { EngineImages } from "../../src/engine/images/service.ts"
import { hostPlatform } from "../../src/oci/platform.ts"
import { collectBytes, inPieces, openStores, type Stores } from "../core-stores.ts"
import { tarOf } from "../tar-archive.ts"

interface Bench {
  readonly stores: Stores
  readonly images: EngineImages
  /** Containers by image ID. */
  readonly users: Map<string, ImageUser[]>
  readonly events: readonly Pick<EventMessage, "Action" | "Actor">[]
  /** Imports a tree of one file, and gives the image's ID. */
  make(name: string | undefined, text: string, changes?: readonly string[]): Promise<string>
  /** Commits a change on top of `base`. */
  commit(base: string, name: string | undefined, text: string): Promise<string>
}

async function withImages(use: (bench: Bench) => Promise<void>): Promise<void> {
  await using stores = await openStores()
  const { scope } = stores
  const users = new Map<string, ImageUser[]>()
  const events: Pick<EventMessage, "Action" | "Actor">[] = []
  const images = new EngineImages({
    ...stores,
    download: (url, signal) => download(stores.registries.http, url, signal),
    events: { publish: (event) => void events.push(event), subscribe: noEvents, listeners: 0, published: 0 },
    usedBy: (id) => users.get(id) ?? [],
  })
  await use({
    stores,
    images,
    users,
    events,
    make: async (name, text, changes = []) => {
      const [repository, tag] = name?.split(":") ?? []
      const messages = await Array.fromAsync(
        images.importTree(scope, inPieces(tarOf(["etc/", { type: "directory" }], ["etc/text", {}, text])), {
          changes,
          source: "-",
          ...(repository ? { repository } : {}),
          ...(tag ? { tag } : {}),
        }),
      )
      return messages.at(-1)!.status!
    },
    commit: async (base, name, text) => {
      const { resolved } = await images.forContainer(scope, base)
      await stores.snapshots.prepare(scope, "work", resolved.chainID)
      await withMounted(stores, scope, "work", (root) => writeFileSync(join(root, "etc/more"), text))
      const { id } = await images.commit(scope, {
        snapshotKey: "work",
        baseImageId: resolved.id,
        config: { ...hostPlatform(), created: new Date().toISOString(), config: {} },
        below: {},
        changes: ["LABEL made=here"],
        createdBy: "sh",
        comment: "a change",
        ...(name ? { repository: name } : {}),
      })
      await stores.snapshots.remove(scope, "work")
      return id
    },
  })
}

async function* noEvents(): AsyncGenerator<EventMessage> {}

const check = (name: string, use: (bench: Bench) => Promise<void>) => test(name, () => withImages(use))
const options = { force: false, noPrune: false, platforms: [] }
const listing = { all: false, filters: noFilters, sharedSize: false, digests: false, manifests: false }
const filters = (entries: Record<string, string[]>): Filters => new Map(Object.entries(entries))
const untagged = (items: readonly ImageDeleteItem[]) => items.flatMap((item) => item.Untagged ?? [])
const deleted = (items: readonly ImageDeleteItem[]) => items.flatMap((item) => item.Deleted ?? [])
const failure = (work: Promise<unknown>) =>
  work.then(
    () => "nothing",
    (error: { kind: string; message: string }) => `${error.kind}: ${error.message}`,
  )

check("an image is found by name, by full ID and by a unique prefix of it; a name beats a prefix", async (bench) => {
  const { images, make, stores } = bench
  const { scope } = stores
  const id = await make("app:1", "one", ["CMD sh"])
  const hex = id.slice(7)
  for (const ref of ["app:1", "docker.io/library/app:1", id, hex, hex.slice(0, 12), `sha256:${hex.slice(0, 6)}`]) {
    expect((await images.inspect(scope, ref, { manifests: false })).Id).toBe(id)
  }
  const other = await make(`${hex.slice(0, 6)}:latest`, "two")
  expect((await images.inspect(scope, hex.slice(0, 6), { manifests: false })).Id).toBe(other)
  const { RepoDigests, Descriptor } = await images.inspect(scope, "app:1", { manifests: true })
  // No registry has given it a digest.
  expect(RepoDigests).toEqual([])
  expect((await images.inspect(scope, `app@${Descriptor!.digest}`, { manifests: false })).Id).toBe(id)
})

check("what is not there is told in the words that clients look for", async ({ images, stores: { scope } }) => {
  const inspect = (ref: string) => failure(images.inspect(scope, ref, { manifests: false }))
  expect(await inspect("nothing")).toBe("notFound: No such image: nothing:latest")
  expect(await inspect("user/app:2")).toBe("notFound: No such image: user/app:2")
  expect(await inspect(`sha256:${"a".repeat(64)}`)).toBe(`notFound: No such image: sha256:${"a".repeat(64)}`)
  expect(await inspect("Foo")).toStartWith("invalidArgument: invalid reference format: repository name (library/Foo)")
})

check(
  "an image that is listed with its manifests has the size of them all",
  async ({ images, make, stores: { scope } }) => {
    await make("app", "one", [])
    const listed = async (manifests: boolean) =>
      (
        await images.list(scope, {
          all: false,
          digests: false,
          filters: new Map(),
          identity: false,
          sharedSize: false,
          manifests,
        })
      )[0]!
    const [plain, whole] = [await listed(false), await listed(true)]
    expect(plain.Manifests).toBeUndefined()
    const [manifest] = whole.Manifests!
    expect(Number(manifest!.Size.Content)).toBeGreaterThan(0)
    expect(Number(whole.Size)).toBe(Number(manifest!.Size.Total))
    expect(Number(whole.Size)).toBe(Number(manifest!.Size.Content) + Number(plain.Size))
  },
)

check("inspect and history show what the image says", async ({ images, make, commit, stores: { scope } }) => {
  const base = await make("app", "one", ["CMD sh", "ENV A=1", "EXPOSE 80"])
  const id = await commit("app", "derived", "more")
  const shown = await images.inspect(scope, "app", { manifests: true })
  expect(shown).toMatchObject({
    RepoTags: ["app:latest"],
    Config: { Cmd: ["/bin/sh", "-c", "sh"], Env: ["A=1"], ExposedPorts: { "80/tcp": {} } },
    Comment: "Imported from -",
    Os: "linux",
  })
  expect(Number(shown.Size)).toBeGreaterThan(0)
  expect(shown.Manifests).toMatchObject([{ Available: true, Kind: "image" }])
  const history = await images.history(scope, id, {})
  expect(history).toMatchObject([
    { Id: id, Tags: ["derived:latest"], Comment: "a change", CreatedBy: "sh" },
    { Id: "<missing>", Tags: null, Comment: "Imported from -" },
  ])
  expect((await images.inspect(scope, id, { manifests: false })).Parent).toBe(base)
})

check(
  "an image's identity is the repositories that it was pulled from or pushed to, whatever it is called",
  async (bench) => {
    const { images, make, stores } = bench
    const { scope } = stores
    await make("app:1", "one")
    expect(await images.inspect(scope, "app:1", { manifests: false })).not.toHaveProperty("Identity")
    const { target } = await stores.images.get(scope, "docker.io/library/app:1")
    await addSource(scope, stores.content, target.digest, { domain: "registry.example", name: "team/app" })
    await addSource(scope, stores.content, target.digest, { domain: "docker.io", name: "library/app" })
    const identity = { Pull: [{ Repository: "docker.io/library/app" }, { Repository: "registry.example/team/app" }] }
    expect((await images.inspect(scope, "app:1", { manifests: false })).Identity).toEqual(identity)
    const listed = async (options: object) =>
      (await images.list(scope, { ...listing, ...options }))[0]?.Manifests?.[0]?.ImageData?.Identity
    expect(await listed({ manifests: true, identity: true })).toEqual(identity)
    expect(await listed({ manifests: true })).toBeUndefined()
  },
)

check("the list tells names, sizes, sharing and containers, and can be filtered", async (bench) => {
  const { images, make, commit, users } = bench
  const { scope } = bench.stores
  const base = await make("app:1", "a".repeat(10_000), ["LABEL role=web"])
  const derived = await commit("app:1", "user/derived", "more")
  await images.tag(scope, "app:1", { repository: "app", tag: "2" })
  users.set(base, [{ id: "c1", running: true }])
  const all = await images.list(scope, { ...listing, sharedSize: true })
  expect(all.map((image) => image.Id)).toEqual([derived, base])
  expect(all[1]).toMatchObject({ RepoTags: ["app:1", "app:2"], Containers: 1, Labels: { role: "web" }, ParentId: "" })
  expect(all[0]).toMatchObject({ ParentId: base, Containers: 0 })
  expect(all[0]!.SharedSize).toBe(all[1]!.Size)
  const found = async (wanted: Record<string, string[]>) =>
    (await images.list(scope, { ...listing, filters: filters(wanted) })).flatMap((image) => image.RepoTags)
  expect(await found({ reference: ["app"] })).toEqual(["app:1", "app:2"])
  expect(await found({ reference: ["*:2", "user/*"] })).toEqual(["user/derived:latest", "app:2"])
  expect(await found({ reference: ["docker.io/library/app"] })).toEqual(["app:1", "app:2"])
  expect(await found({ reference: ["docker.io/library/app:1"] })).toEqual(["app:1"])
  expect(await found({ reference: ["docker.io/*/derived:latest"] })).toEqual(["user/derived:latest"])
  expect(await found({ reference: ["library/app"] })).toEqual([])
  expect(await found({ label: ["role=web"] })).toEqual(["app:1", "app:2"])
  expect(await found({ before: ["user/derived"] })).toEqual(["app:1", "app:2"])
  expect(await found({ since: ["app:1"] })).toEqual(["user/derived:latest"])
  expect(await found({ until: ["1h"] })).toEqual([])
  expect(await found({ dangling: ["true"] })).toEqual([])
  expect((await images.list(scope, listing))[0]!.SharedSize).toBe(-1)
})

check("taking a name away leaves an image that has another", async ({ images, make, events, stores: { scope } }) => {
  const id = await make("app:1", "one")
  await images.tag(scope, "app:1", { repository: "app", tag: "2" })
  expect(await images.remove(scope, "app:1", options)).toEqual([{ Untagged: "app:1" }])
  const items = await images.remove(scope, "app:2", options)
  expect(untagged(items)).toEqual(["app:2"])
  expect(deleted(items)[0]).toBe(id)
  expect(deleted(items)).toHaveLength(2)
  expect(await images.list(scope, { ...listing, all: true })).toEqual([])
  expect(events.map((event) => event.Action)).toEqual(["tag", "import", "tag", "untag", "untag", "delete"])
  expect(events.at(-1)).toMatchObject({ Actor: { ID: id, Attributes: { name: id } } })
})

check("an image in use is kept, with Docker's words for each case", async (bench) => {
  const { images, make, users } = bench
  const { scope } = bench.stores
  const id = await make("app", "one")
  const container = "c".repeat(64)
  users.set(id, [{ id: container, running: false }])
  const short = id.slice(7, 19)
  expect(await failure(images.remove(scope, "app", options))).toBe(
    `conflict: conflict: unable to remove repository reference "app" (must force) - container cccccccccccc is using its referenced image ${short}`,
  )
  expect(await failure(images.remove(scope, id, options))).toBe(
    `conflict: conflict: unable to delete ${short} (must be forced) - image is being used by stopped container cccccccccccc`,
  )
  users.set(id, [{ id: container, running: true }])
  expect(await failure(images.remove(scope, id, { ...options, force: true }))).toBe(
    `conflict: conflict: unable to delete ${short} (cannot be forced) - image is being used by running container cccccccccccc`,
  )
  const items = await images.remove(scope, "app", { ...options, force: true })
  expect(untagged(items)[0]).toBe("app:latest")
  expect(deleted(items)).toEqual([])
  expect((await images.list(scope, listing)).map((image) => image.RepoTags)).toEqual([[]])
  users.clear()
  expect(deleted(await images.remove(scope, id, options))[0]).toBe(id)
})

check("an ID with several names is deleted only by force", async ({ images, make, stores: { scope } }) => {
  const id = await make("app", "one")
  await images.tag(scope, "app", { repository: "other" })
  expect(await failure(images.remove(scope, id, options))).toBe(
    `conflict: conflict: unable to delete ${id.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
  )
  const items = await images.remove(scope, id, { ...options, force: true })
  expect(untagged(items).filter((name) => name.endsWith(":latest"))).toEqual(["app:latest", "other:latest"])
  expect(deleted(items)[0]).toBe(id)
})

check("a parent stays as long as a child needs it, and goes with the last one", async (bench) => {
  const { images, make, commit } = bench
  const { scope } = bench.stores
  const base = await make("app", "one")
  const child = await commit("app", "child", "two")
  expect(await failure(images.remove(scope, base, { ...options, force: true }))).toBe(
    `conflict: conflict: unable to delete ${base.slice(7, 19)} (cannot be forced) - image has dependent child images`,
  )
  expect(deleted(await images.remove(scope, "app", options))).toEqual([])
  expect((await images.list(scope, listing)).map((image) => image.Id)).toEqual([child])
  expect((await images.list(scope, { ...listing, all: true })).map((image) => image.Id)).toEqual([child, base])
  const gone = deleted(await images.remove(scope, "child", options))
  expect(gone).toContain(child)
  expect(gone).toContain(base)
})

check("an image that loses its name to another stays without one until it is pruned", async (bench) => {
  const { images, make, users, events } = bench
  const { scope, collector, content } = bench.stores
  const old = await make("app", "x".repeat(50_000))
  const used = await make("app", "two")
  const now = await make("app", "three")
  users.set(used, [{ id: "c1", running: false }])
  const dangling = await images.list(scope, { ...listing, filters: filters({ dangling: ["true"] }) })
  expect(dangling.map((image) => image.Id).sort()).toEqual([old, used].sort())
  const pruned = await images.prune(scope, noFilters)
  expect(deleted(pruned.ImagesDeleted!)[0]).toBe(old)
  expect(Number(pruned.SpaceReclaimed)).toBe(50_000)
  expect(events.at(-1)).toMatchObject({ Action: "prune", Actor: { Attributes: { reclaimed: expect.any(String) } } })
  expect(await images.prune(scope, noFilters)).toEqual({ ImagesDeleted: null, SpaceReclaimed: 0 })
  const all = await images.prune(scope, filters({ dangling: ["false"] }))
  expect(untagged(all.ImagesDeleted!)[0]).toBe("app:latest")
  expect(deleted(all.ImagesDeleted!)).toContain(now)
  await collector.collect()
  expect((await images.list(scope, listing)).map((image) => image.Id)).toEqual([used])
  expect((await Array.fromAsync(content.list(scope))).length).toBe(3)
})

check("what is saved can be loaded again, with all its names, and runs", async (bench) => {
  const { images, make, events } = bench
  const { scope } = bench.stores
  const id = await make("app:1", "one")
  await images.tag(scope, "app:1", { repository: "app", tag: "2" })
  const archive = await collectBytes(await images.save(scope, ["app"], { platforms: [] }))
  const nameless = await collectBytes(await images.save(scope, [id], { platforms: [] }))
  const load = async (bytes: Buffer, quiet = true) =>
    await Array.fromAsync(images.load(scope, inPieces(bytes), { quiet, platforms: [] }))
  for (const tag of ["app:1", "app:2"]) await images.remove(scope, tag, options)
  expect(await load(archive)).toEqual([
    { stream: "Loaded image: app:1\n" },
    { stream: "Loaded image: app:2\n" },
  ] satisfies JsonMessage[])
  expect(events.at(-1)).toMatchObject({ Action: "load", Actor: { ID: id } })
  expect((await images.forContainer(scope, "app:2")).resolved.id as string).toBe(id)
  await images.remove(scope, id, { ...options, force: true })
  const told = await load(nameless, false)
  expect(told.at(-1)).toEqual({ stream: `Loaded image ID: ${id}\n` })
  expect(told.some((message) => message.progressDetail !== undefined)).toBe(true)
  // Of layers that are there already nothing is told.
  expect(await load(nameless, false)).toEqual([{ stream: `Loaded image ID: ${id}\n` }])
  expect(await failure(images.save(scope, ["missing"], { platforms: [] }))).toBe("notFound: No such image: missing")
})

check("a broken archive or tree is refused before anything is told, and leaves nothing", async (bench) => {
  const { images, stores } = bench
  const { scope } = stores
  const junk = () => inPieces(Buffer.from("not an archive".repeat(100)))
  expect(await failure(Array.fromAsync(images.load(scope, junk(), { quiet: true, platforms: [] })))).toStartWith(
    "invalidArgument",
  )
  const importing = (more: object) =>
    failure(Array.fromAsync(images.importTree(scope, junk(), { source: "-", changes: [], ...more })))
  expect(await importing({})).toStartWith("invalidArgument")
  expect(await importing({ repository: "UPPER" })).toContain("must be lowercase")
  expect(await importing({ changes: ["RUN x"] })).toContain("RUN is not a valid change command")
  await stores.collector.collect()
  expect(await Array.fromAsync(stores.content.list(scope))).toEqual([])
})

check("a tree is imported from a URL, and a URL that fails says why", async ({ images, stores: { scope } }) => {
  const server = createServer((request, response) => {
    if (request.url !== "/tree.tar") return response.writeHead(404).end()
    return response.end(tarOf(["file", {}, "x"]))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as { port: number }
  const fetched = (path: string) =>
    Array.fromAsync(
      images.importTree(scope, inPieces(Buffer.alloc(0)), {
        source: `http://127.0.0.1:${port}${path}`,
        repository: "web",
        changes: [],
      }),
    )
  expect((await fetched("/tree.tar"))[0]!.status).toBe(`Downloading from http://127.0.0.1:${port}/tree.tar`)
  expect((await images.inspect(scope, "web", { manifests: false })).RepoTags).toEqual(["web:latest"])
  expect(await failure(fetched("/missing"))).toContain("404 Not Found")
  server.close()
})

check("a container's image is called as the user wrote it until the name moves on", async (bench) => {
  const { images, make } = bench
  const { scope } = bench.stores
  const id = await make("app", "one")
  expect(await images.display(scope, id, "app")).toBe("app")
  expect(await images.display(scope, id, id.slice(7, 19))).toBe(id.slice(7, 19))
  await make("app", "two")
  expect(await images.display(scope, id, "app")).toBe(id)
})
