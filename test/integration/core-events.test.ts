import { afterAll, beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { MetadataContainerStore } from "../../src/core/containers/store.ts"
import type { Topic } from "../../src/core/events/topics.ts"
import { nameImage } from "../../src/core/images/name-image.ts"
import type { TaskRequest } from "../../src/core/tasks/contract.ts"
import { Tasks } from "../../src/core/tasks/service.ts"
import { BlockingCalls } from "../../src/linux/blocking.ts"
import { detectCgroups, openCgroup } from "../../src/linux/cgroup.ts"
import { parseReference } from "../../src/oci/reference.ts"
import type { Resources, RuntimeSpec } from "../../src/oci/runtime-spec.ts"
import { openDriver } from "../../src/runtime/driver.ts"
import type { Shim } from "../../src/shim/contract.ts"
import { openStores, type Stores } from "../core-stores.ts"
import { EventMirror } from "../fixtures/event-mirror.ts"
import { MemoryRegistry } from "../fixtures/memory-registry.ts"
import { plainIo, ShimWorld } from "../fixtures/shim-world.ts"
import { tarOf } from "../tar-archive.ts"

const everyTopic: Topic[] = [
  "/containers/create",
  "/containers/delete",
  "/containers/update",
  "/content/create",
  "/content/delete",
  "/images/create",
  "/images/delete",
  "/images/update",
  "/namespaces/create",
  "/namespaces/delete",
  "/namespaces/update",
  "/snapshot/commit",
  "/snapshot/prepare",
  "/snapshot/remove",
  "/tasks/checkpointed",
  "/tasks/create",
  "/tasks/delete",
  "/tasks/exec-added",
  "/tasks/exec-started",
  "/tasks/exit",
  "/tasks/oom",
  "/tasks/paused",
  "/tasks/resumed",
  "/tasks/start",
]

/** Core's stores and tasks, with a consumer that knows them by their events alone. */
let world: ShimWorld
let blocking: BlockingCalls
beforeAll(async () => {
  world = await ShimWorld.start()
  blocking = new BlockingCalls()
})
afterAll(async () => {
  blocking[Symbol.dispose]()
  await world[Symbol.asyncDispose]()
})

/** Compares the mirror's namespace with the stores; views are not told of. */
async function expectSame(mirror: EventMirror, stores: Stores, containers: MetadataContainerStore): Promise<void> {
  const { scope, images, content, snapshots, namespaces } = stores
  const mirrored = mirror.of(scope.namespace)
  const sorted = (names: Iterable<string>) => [...names].sort()
  expect(mirror.complaints).toEqual([])
  expect(Object.fromEntries(mirrored.images)).toEqual(
    Object.fromEntries((await images.list(scope)).map(({ name, labels }) => [name, labels])),
  )
  expect(sorted(mirrored.containers.keys())).toEqual(sorted((await containers.list(scope)).map(({ id }) => id)))
  const blobs = await Array.fromAsync(content.list(scope), ({ digest, size }) => [digest, size] as const)
  expect(Object.fromEntries(mirrored.content)).toEqual(Object.fromEntries(blobs))
  const kept = (await snapshots.list(scope)).filter(({ kind }) => kind !== "view")
  expect(Object.fromEntries(mirrored.snapshots)).toEqual(Object.fromEntries(kept.map(({ name, kind }) => [name, kind])))
  expect(Object.fromEntries([...mirror.namespaces].map(([name, { labels }]) => [name, labels]))).toEqual(
    Object.fromEntries((await namespaces.list()).map(({ name, labels }) => [name, labels])),
  )
}

/** The world's shim, with checkpoints that work on every host. */
const shimWithCheckpoints = (): Shim =>
  new Proxy(world.shim, {
    get: (shim, name) => {
      if (name === "checkpoint") return async () => {}
      const own = Reflect.get(shim, name, shim)
      return typeof own === "function" ? own.bind(shim) : own
    },
  })

function request(id: string, script: string, resources: Resources = {}): TaskRequest {
  const spec = JSON.parse(readFileSync(join(world.bundle(id, script), "config.json"), "utf8")) as RuntimeSpec
  return {
    owner: "test",
    containerId: id,
    spec: () => ({ ...spec, linux: { ...spec.linux, resources } }),
    rootfs: world.root,
    ephemeral: true,
    io: plainIo,
    log: world.log(id),
  }
}

test("a consumer of core's events knows what there is, from the pull of an image to its collection", async () => {
  await using registry = await MemoryRegistry.start()
  await using stores = await openStores()
  const { scope, events, database, rows, images, content, snapshots, namespaces, leases, remote, collector } = stores
  const half = new EventMirror(events)
  const mirror = new EventMirror(events)
  const containers = new MetadataContainerStore({ database, snapshots: rows, events })
  registry.addImage("app", "1", [tarOf(["one", {}, "one"]), tarOf(["two", {}, "two"])])
  const reference = parseReference(`${registry.host}/app:1`)
  const chain = await leases.within(scope, async (held) => {
    const pulled = await remote.pull(held, reference, { found: () => {}, progress: () => {} })
    await nameImage(held, images, "app:1", pulled.target)
    await nameImage(held, images, "app:1", pulled.target)
    return pulled.image.chainID!
  })
  await images.updateLabels(scope, "app:1", { kept: "yes" })
  await containers.create(scope, { id: "c1", image: "app:1", runtime: "crun", snapshot: { key: "c1", parent: chain } })
  await containers.updateLabels(scope, "c1", { role: "web" })
  await snapshots.view(scope, "look", chain)
  await namespaces.create("spare", { of: "test" })
  await namespaces.updateLabels("spare", { more: "1" }, ["labels.more"])
  await content.put(scope, Buffer.from("nobody refers to this"))
  await expect(containers.create(scope, { id: "c1", runtime: "crun", snapshot: { key: "undone" } })).rejects.toThrow(
    "exists already",
  )

  const tasks = new Tasks({
    runRoot: world.runRoot,
    shim: shimWithCheckpoints(),
    snapshots,
    runtime: () => openDriver(world.runtime),
    cgroup: (path) => openCgroup(detectCgroups(), path),
    cgroupParent: "/barge-shim-test",
    events,
    blocking,
    startsAtOnce: 2,
  })
  await tasks.run(scope, request("c1", "exec sleep 1000"))
  const { process } = await tasks.spec(scope, "c1")
  await tasks.openExec(scope, "c1", "e1", plainIo)
  await tasks.exec(scope, "c1", "e1", { ...process, args: ["/bin/sh", "-c", "exit 3"] }, plainIo)
  expect((await tasks.waitExec(scope, "c1", "e1")).code).toBe(3)
  await tasks.pause(scope, "c1")
  await tasks.resume(scope, "c1")
  await tasks.checkpoint(scope, "c1", { directory: "/there", work: "/tmp", leaveRunning: true })
  await collector.collect()
  await half.end()
  await expectSame(half, stores, containers)
  expect(half.of(scope.namespace).tasks.get("c1")?.execs).toEqual(new Map([["e1", "exited 3"]]))
  expect(half.of(scope.namespace).containers.get("c1")).toMatchObject({ image: "app:1", labels: { role: "web" } })

  await tasks.kill(scope, "c1", 9)
  await tasks.wait(scope, "c1")
  await tasks.delete(scope, "c1")
  await tasks.run(
    scope,
    request("c1", "exec dd if=/dev/zero of=/dev/null bs=64M count=1", { memory: { limit: 16 << 20 } }),
  )
  expect((await tasks.wait(scope, "c1")).oomKilled).toBe(true)
  await tasks.delete(scope, "c1")
  await containers.remove(scope, "c1")
  await images.remove(scope, "app:1")
  await collector.collect()
  await namespaces.remove("spare")
  await mirror.end()
  await expectSame(mirror, stores, containers)
  const { tasks: left, ...others } = mirror.of(scope.namespace)
  expect([left, ...Object.values(others)].map(({ size }) => size)).toEqual([0, 0, 0, 0, 0])
  expect([...new Set(mirror.seen)].sort()).toEqual(everyTopic)
})
