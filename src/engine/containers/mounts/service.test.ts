import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { someHost } from "../../../../test/fixtures/container-config.ts"
import {
  eventRecorder,
  logRecorder,
  someContainer,
  someRegistry,
  someScope,
} from "../../../../test/fixtures/container-records.ts"
import { Failure } from "../../../errors/failure.ts"
import type { Container } from "../record/container.ts"
import type { ResolvedMount } from "../record/document.ts"
import type { MountsNeeds, MountsRequest } from "./contract.ts"
import { ContainerMounts } from "./service.ts"

async function open(containers: readonly Container[] = [], changes: Partial<MountsNeeds> = {}) {
  const events = eventRecorder()
  const { log, lines } = logRecorder()
  const removedVolumes: string[] = []
  const snapshots: string[] = []
  const mounts = new ContainerMounts({
    registry: await someRegistry(...containers),
    volumes: {
      create: async (_scope, { Name, Driver }) => ({
        Name: Name || "made-up",
        Driver: Driver ?? "local",
        Mountpoint: "",
        CreatedAt: "",
        Labels: {},
        Options: null,
        Scope: "local",
      }),
      acquire: async (_scope, name) => {
        if (name === "broken") throw new Failure("internal", "its device is gone")
        return { path: `/volumes/${name}`, driver: "local", [Symbol.asyncDispose]: async () => {} }
      },
      remove: async (_scope, name) => void removedVolumes.push(name),
    },
    images: {
      forContainer: async () => {
        throw new Failure("notFound", "No such image: x:latest")
      },
    },
    snapshots: {
      view: async () => {
        throw new Error("not needed")
      },
      remove: async (_scope, key) => void snapshots.push(`removed ${key}`),
      list: async () => [],
    },
    volumeFilling: { fill: async () => {} },
    temporaryMounts: {
      mountSnapshot: async () => ({ path: "/tmp/snapshot", [Symbol.asyncDispose]: async () => {} }),
      mountSubpath: async (base, subpath) => ({ path: join(base, subpath), [Symbol.asyncDispose]: async () => {} }),
    },
    events,
    log,
    dataRoot: "/var/lib/barge",
    containersRoot: "/var/lib/barge/containers",
    ...changes,
  })
  return { mounts, events, lines, removedVolumes, snapshots }
}

const asked = (changes: Partial<MountsRequest> = {}): MountsRequest => ({
  hostConfig: someHost(),
  request: [],
  image: [],
  shallowReadOnly: false,
  ...changes,
})

const volume = (destination: string, source: string, more: Partial<ResolvedMount> = {}): ResolvedMount => ({
  type: "volume",
  source,
  destination,
  readOnly: false,
  mode: "",
  propagation: "",
  ...more,
})

test("a bind covers the volume that the image declares at the same destination; other declarations get anonymous volumes", async () => {
  const { mounts } = await open()
  const resolved = await mounts.resolve(
    someScope,
    "c1",
    asked({ hostConfig: someHost({ Binds: ["/srv:/data"] }), image: ["/data", "/cache"] }),
  )
  expect(resolved.map(({ type, source, destination }) => ({ type, source, destination }))).toEqual([
    { type: "bind", source: "/srv", destination: "/data" },
    { type: "volume", source: "made-up", destination: "/cache" },
  ])
  expect(resolved[1]).toMatchObject({ anonymous: true, fromImage: true })
})

test("two mounts at one destination are refused", async () => {
  const { mounts } = await open()
  const twice = asked({ hostConfig: someHost({ Binds: ["/srv:/data", "/home:/data/"] }) })
  await expect(mounts.resolve(someScope, "c1", twice)).rejects.toMatchObject({
    kind: "invalidArgument",
    message: "Duplicate mount point: /data",
  })
})

test("volumes-from takes over another container's mounts, read-only when asked", async () => {
  const other = someContainer("web", { mounts: [volume("/data", "shared", { anonymous: true })] })
  const { mounts } = await open([other])
  const resolved = await mounts.resolve(someScope, "c1", asked({ hostConfig: someHost({ VolumesFrom: ["web:ro"] }) }))
  expect(resolved).toEqual([volume("/data", "shared", { anonymous: true, readOnly: true, noCopy: true })])
})

test("a prepared volume is held as long as it is mounted, and its mount is published", async () => {
  const root = mkdtempSync(join(tmpdir(), "eng-mounts-"))
  try {
    let released = 0
    const { mounts, events } = await open([], {
      volumes: {
        create: async () => {
          throw new Error("not needed")
        },
        remove: async () => {},
        acquire: async () => ({ path: root, driver: "local", [Symbol.asyncDispose]: async () => void released++ }),
      },
    })
    const container = someContainer("web", { mounts: [volume("/data", "shared", { noCopy: true, subpath: "part" })] })
    const holds = { whileMounting: new AsyncDisposableStack(), whileMounted: new AsyncDisposableStack() }
    expect(await mounts.prepare(someScope, container, root, holds)).toMatchObject([
      { type: "bind", source: join(root, "part"), destination: "/data", readonly: false },
    ])
    await holds.whileMounting.disposeAsync()
    expect(released).toBe(0)
    await holds.whileMounted.disposeAsync()
    expect(released).toBe(1)
    expect(events.actions).toEqual(["volume mount"])
  } finally {
    rmSync(root, { recursive: true })
  }
})

test("a volume that cannot be held by a container that kept running is logged, and the others are held", async () => {
  const { mounts, lines } = await open()
  const container = someContainer("web", { mounts: [volume("/a", "broken"), volume("/b", "whole")] })
  await using holds = new AsyncDisposableStack()
  await mounts.holdVolumes(someScope, container, holds)
  expect(lines.join("")).toContain("its device is gone")
})

test("only anonymous volumes are removed with a container", async () => {
  const { mounts, removedVolumes } = await open()
  await mounts.removeAnonymousVolumes(someScope, [
    volume("/a", "named"),
    volume("/b", "anonymous", { anonymous: true }),
  ])
  expect(removedVolumes).toEqual(["anonymous"])
})

test("image snapshots of containers that no longer exist are swept", async () => {
  const alive = someContainer("web")
  const { mounts, snapshots } = await open([alive], {
    snapshots: {
      view: async () => {
        throw new Error("not needed")
      },
      remove: async (_scope, key) => void snapshots.push(key),
      list: async () =>
        ["gone.image.1", `${alive.id}.image.2`, "sha256:layer"].map((name) => ({
          name,
          kind: "view" as const,
          labels: {},
          createdAt: 0n,
          updatedAt: 0n,
        })),
    },
  })
  await mounts.sweepImageSnapshots(someScope)
  expect(snapshots).toEqual(["gone.image.1"])
})
