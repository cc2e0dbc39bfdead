import { expect, test } from "bun:test"
import { eventRecorder, someContainer, someRegistry, someScope } from "../../../../test/fixtures/container-records.ts"
import { noSettings } from "../../../api/network.ts"
import type { SnapshotInfo } from "../../../core/snapshots/contract.ts"
import type { ExecRecord } from "../../exec/records.ts"
import type { NetworkDocument } from "../../networks/catalog.ts"
import type { Container } from "../record/container.ts"
import type { ListOptions } from "./contract.ts"
import { ContainerViews } from "./service.ts"

async function open(...containers: readonly Container[]) {
  const events = eventRecorder()
  const snapshot = (name: string, parent?: string): SnapshotInfo => ({
    name,
    kind: "active",
    labels: {},
    createdAt: 0n,
    updatedAt: 0n,
    ...(parent ? { parent } : {}),
  })
  let measured = 0
  const views = new ContainerViews({
    registry: await someRegistry(...containers),
    tasks: {
      pids: () => [process.pid],
      stats: () => ({ memory: { usage: 4096n, stats: {} } }),
    },
    execs: { get: (id) => (id === "ended" ? ({ status: "ended" } as ExecRecord) : undefined) },
    images: {
      display: async (_scope, _id, asCreated) => asCreated,
      forContainer: async () => {
        throw new Error("not needed")
      },
    },
    snapshots: {
      driver: "overlay",
      find: async (_scope, key) => (key === "layer" ? snapshot(key) : snapshot(key, "layer")),
      mounts: async () => [],
      usage: async (_scope, key) => {
        if (key === "layer") measured++
        return { size: key === "layer" ? 1000 : 1, inodes: 1 }
      },
    },
    volumes: {
      inspect: async () => {
        throw new Error("not needed")
      },
    },
    networks: { get: (id) => (id === "id-of-bridge" ? ({ driver: "bridge" } as NetworkDocument) : undefined) },
    networking: { counters: () => ({}) },
    stdio: { log: () => ({ format: "json-file", path: "/logs/web", maxSize: 0, maxFiles: 1 }) as never },
    events,
    turns: { enter: async () => {} },
    host: { apparmor: { enabled: false } },
    containersRoot: "/var/lib/barge/containers",
  })
  const list = (filters: Record<string, string[]> = {}, more: Partial<ListOptions> = {}) =>
    views.list(someScope, { all: true, limit: 0, size: false, filters: new Map(Object.entries(filters)), ...more })
  const names = async (...options: Parameters<typeof list>) =>
    (await list(...options)).map(({ Names }) => Names[0]!.slice(1))
  return { views, events, list, names, measured: () => measured }
}

const running = { status: "running", pid: 42, startedAt: "1700000000000000000" } as const

test("lists are newest first, and without `all` have only containers that run", async () => {
  const { names } = await open(
    someContainer("old", { created: "2024-01-01T00:00:00Z" }),
    someContainer("young", { created: "2024-03-01T00:00:00Z", state: running }),
    someContainer("middle", { created: "2024-02-01T00:00:00Z" }),
  )
  expect(await names()).toEqual(["young", "middle", "old"])
  expect(await names({}, { all: false })).toEqual(["young"])
  expect(await names({}, { limit: 2 })).toEqual(["young", "middle"])
  expect(await names({ before: ["middle"] })).toEqual(["old"])
})

test("an empty ID matches no container", async () => {
  const { names } = await open(someContainer("web"))
  expect(await names({ id: [""] })).toEqual([])
  expect(await names({ id: ["77"] })).toEqual(["web"])
})

test("layers that containers share are measured once", async () => {
  const { list, measured } = await open(someContainer("a"), someContainer("b"))
  const summaries = await list({}, { size: true })
  expect(summaries.map(({ SizeRw, SizeRootFs }) => [SizeRw, SizeRootFs])).toEqual([
    [1, 1001],
    [1, 1001],
  ])
  expect(measured()).toBe(1)
})

test("ports are filtered as the container exposes and as the host publishes them", async () => {
  const web = someContainer("web", {
    config: { ExposedPorts: { "80/tcp": {} } },
    networking: { EndpointsConfig: { bridge: noSettings } },
    state: {
      ...running,
      sandbox: {
        id: "s",
        path: "/netns",
        ports: [{ protocol: "tcp", containerPort: 80, hostIp: "0.0.0.0", hostPort: 8080 }],
        networks: { bridge: { networkId: "id-of-bridge", endpointId: "e", macAddress: "", names: [] } },
      },
    },
  })
  const { names, list } = await open(web)
  expect(await names({ expose: ["80"] })).toEqual(["web"])
  expect(await names({ publish: ["8000-8100"] })).toEqual(["web"])
  expect(await names({ publish: ["80/udp"] })).toEqual([])
  expect((await list())[0]!.Ports).toEqual([{ IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" }])
})

test("inspect shows files only after the first start, and execs only while they live", async () => {
  const web = someContainer("web")
  web.execIds.add("ended").add("running")
  const { views } = await open(web)
  const before = await views.inspect(someScope, web, { size: false })
  expect([before.HostsPath, before.LogPath]).toEqual(["", ""])
  expect(before.ExecIDs).toEqual(["running"])
  Object.assign(web.state, running)
  const after = await views.inspect(someScope, web, { size: false })
  expect([after.HostsPath, after.LogPath]).toEqual([`/var/lib/barge/containers/${web.id}/hosts`, "/logs/web"])
})

test("a container that shares a network shows the files of its owner", async () => {
  const web = someContainer("web", { state: running })
  const sidecar = someContainer("sidecar", { hostConfig: { NetworkMode: `container:${web.id}` }, state: running })
  const { views } = await open(web, sidecar)
  const { HostsPath } = await views.inspect(someScope, sidecar, { size: false })
  expect(HostsPath).toBe(`/var/lib/barge/containers/${web.id}/hosts`)
})

test("one sample of a container that runs has its memory; of one that does not, nothing", async () => {
  const web = someContainer("web", { state: running })
  const { views } = await open(web)
  const sample = async () => {
    for await (const each of views.stats(someScope, web, { stream: false, oneShot: true })) return each
    throw new Error("no sample")
  }
  expect((await sample()).memory_stats).toMatchObject({ usage: 4096 })
  web.state.status = "exited"
  expect((await sample()).memory_stats).toEqual({})
})

test("top shows the processes of the container alone, and publishes its event", async () => {
  const web = someContainer("web", { state: running })
  const { views, events } = await open(web)
  const { Titles, Processes } = await views.top(someScope, web, "-o pid,comm")
  expect(Titles[0]).toBe("PID")
  expect(Processes.map(([pid]) => pid)).toEqual([String(process.pid)])
  expect(events.actions).toEqual(["container top"])
})
