import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  eventRecorder,
  logRecorder,
  someContainer,
  someRegistry,
  someScope,
} from "../../../../test/fixtures/container-records.ts"
import { noSettings } from "../../../api/network.ts"
import type { Sandbox as SharedSandbox } from "../../../core/sandboxes/contract.ts"
import type { Endpoint, JoinOptions, NetworkRecord, Sandbox } from "../../../network/contract.ts"
import type { NetworkDocument } from "../../networks/catalog.ts"
import type { Container } from "../record/container.ts"
import { ContainerNetworkService } from "./service.ts"

const network = (name: string, driver: string): NetworkDocument => ({
  id: `id-of-${name}`,
  name,
  created: "2024-05-06T07:08:09Z",
  driver,
  scope: "local",
  ipv4: true,
  ipv6: false,
  ipam: { Driver: "default", Options: null, Config: [] },
  internal: false,
  attachable: false,
  ingress: false,
  configOnly: false,
  configFrom: "",
  options: {},
  labels: {},
})

const known = [network("bridge", "bridge"), network("host", "host"), network("none", "null")]

let containersRoot: string
beforeEach(() => {
  containersRoot = mkdtempSync(join(tmpdir(), "eng-networks-"))
})
afterEach(() => rmSync(containersRoot, { recursive: true }))

async function open(...containers: readonly Container[]) {
  const registry = await someRegistry(...containers)
  const events = eventRecorder()
  const sandboxes = new Map<string, Sandbox>()
  const joins: JoinOptions[] = []
  const relinked: unknown[] = []
  const unused = () => {
    throw new Error("not needed")
  }
  const resolve = (ref: string) => known.find(({ id, name }) => id === ref || name === ref)
  const made = new Map<string, SharedSandbox>()
  const join = (options: JoinOptions) => {
    joins.push(options)
    const endpoints = options.endpoints.map(
      (endpoint, at): Endpoint => ({
        id: `endpoint-${at}`,
        networkId: endpoint.networkId,
        network: resolve(endpoint.networkId)!.name,
        hostInterface: "veth",
        containerInterface: `eth${at}`,
        macAddress: "02:00:00:00:00:01",
        ipv4: { address: "172.17.0.2", prefixLength: 16, gateway: "172.17.0.1" },
        names: endpoint.names,
        links: {},
        gatewayPriority: 0,
      }),
    )
    const sandbox: Sandbox = {
      containerId: options.containerId,
      containerName: options.containerName,
      path: "/run/netns/1",
      endpoints,
      bindings: options.ports,
      ports: options.ports.map(({ protocol, containerPort }) => ({
        protocol,
        containerPort,
        hostIp: "0.0.0.0",
        hostPort: 32768,
      })),
      nameservers: [],
    }
    sandboxes.set(options.containerId, sandbox)
  }
  const service = new ContainerNetworkService({
    registry,
    networking: {
      defaultNetwork: { id: "id-of-bridge", subnets: [] } as unknown as NetworkRecord,
      connect: unused,
      disconnect: unused,
      rename: unused,
      relink: (id, peers) => void relinked.push([id, peers]),
      sandbox: (id) => sandboxes.get(id),
      network: () => undefined,
      nameservers: async () => ["192.0.2.1"],
    },
    sandboxes: {
      create: async ({ namespace }, { id, owner, name, network, sharedMemory }) => {
        if (network) join({ ...network, containerId: id, containerName: name })
        const memory = sharedMemory === undefined ? {} : { sharedMemory: `/shm/${sharedMemory}` }
        const sandbox = { id, namespace, owner, name, namespaces: {}, ...memory }
        made.set(id, sandbox)
        return sandbox
      },
      find: (_scope, id) => made.get(id),
      remove: async (_scope, id) => {
        sandboxes.delete(id)
        made.delete(id)
      },
    },
    networks: {
      byName: resolve,
      find: resolve,
      get: resolve,
      resolve: (ref) => resolve(ref) ?? unused(),
    },
    events,
    log: logRecorder().log,
    defaults: { dns: { servers: [], search: [], options: [] } },
    host: { ipv6: true },
    containersRoot,
    background: () => someScope,
  })
  return { service, events, joins, relinked, sandboxes }
}

const inBridge = (name: string, hostConfig: Parameters<typeof someContainer>[1] = {}) =>
  someContainer(name, {
    networking: { EndpointsConfig: { bridge: noSettings } },
    ...hostConfig,
    hostConfig: { NetworkMode: "bridge", ...hostConfig?.hostConfig },
  })

const running = { status: "running", pid: 42 } as const

test("a container joins its network with its ports, and leaves it with all of them", async () => {
  const web = inBridge("web", { hostConfig: { PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "" }] } } })
  const { service, events, joins } = await open(web)
  await service.connect(web, someScope.span)
  expect(joins[0]!.ports).toEqual([{ protocol: "tcp", containerPort: 80, hostIp: "", hostPort: 0 }])
  expect(web.state.sandbox).toMatchObject({
    path: "/run/netns/1",
    ports: [{ hostPort: 32768 }],
    networks: { bridge: { ipv4: { address: "172.17.0.2" } } },
  })
  expect(web.document.networking.EndpointsConfig?.["bridge"]).toMatchObject({
    NetworkID: "id-of-bridge",
    IPAddress: "172.17.0.2",
  })
  service.leave(web)
  expect(web.state.sandbox).toBeUndefined()
  expect(events.actions).toEqual(["network connect", "network disconnect"])
})

test("network none has no interface, only its name in the record", async () => {
  const alone = someContainer("alone", {
    hostConfig: { NetworkMode: "none" },
    networking: { EndpointsConfig: { none: noSettings } },
  })
  const { service, joins } = await open(alone)
  await service.connect(alone, someScope.span)
  expect(joins[0]!.endpoints).toEqual([])
  expect(Object.keys(alone.state.sandbox?.networks ?? {})).toEqual(["none"])
})

test("the network of a container that does not run cannot be joined", async () => {
  const web = inBridge("web")
  const sidecar = someContainer("sidecar", { hostConfig: { NetworkMode: `container:${web.id}` } })
  const { service } = await open(web, sidecar)
  await expect(service.connect(sidecar, someScope.span)).rejects.toMatchObject({
    kind: "conflict",
    message: "cannot join network namespace of a non running container: container web is created",
  })
})

test("a container that shares a network has the owner's namespace, name and files", async () => {
  const web = inBridge("web", { config: { Hostname: "web-host" }, state: running })
  const sidecar = someContainer("sidecar", { hostConfig: { NetworkMode: `container:${web.id}` } })
  const { service } = await open(web, sidecar)
  await service.connect(sidecar, someScope.span)
  expect(sidecar.document.config.Hostname).toBe("web-host")
  expect(service.namespaces(sidecar)).toEqual({ network: { path: "/proc/42/ns/net" } })
  expect((await service.writeFiles(sidecar)).hosts).toBe(join(containersRoot, web.id, "hosts"))
})

test("a /dev/shm that others may share is there with the network, or without one, until the networks are left", async () => {
  const shareable = { IpcMode: "shareable", ShmSize: 4096 } as const
  const web = inBridge("web", { hostConfig: shareable, state: running })
  const host = someContainer("host", { hostConfig: { NetworkMode: "host", ...shareable }, state: running })
  const other = someContainer("other", { hostConfig: { IpcMode: `container:${host.id}`, NetworkMode: "host" } })
  const { service } = await open(web, host, other)
  await service.connect(web, someScope.span)
  await service.connect(host, someScope.span)
  expect(service.namespaces(web)).toMatchObject({ shmPath: "/shm/4096" })
  expect(service.namespaces(other)).toEqual({ network: "host", ipcFrom: { pid: 42, shmPath: "/shm/4096" } })
  await service.leave(host)
  expect(() => service.namespaces(other)).toThrow("non-shareable IPC")
})

test("an IPC namespace that is not shareable cannot be joined", async () => {
  const web = inBridge("web", { state: running })
  const other = someContainer("other", { hostConfig: { IpcMode: `container:${web.id}`, NetworkMode: "none" } })
  const { service } = await open(web, other)
  expect(() => service.namespaces(other)).toThrow("non-shareable IPC")
})

test("a new address is written into the hosts files of linked containers", async () => {
  const database = inBridge("db", { state: running, config: { Hostname: "db-host" } })
  const web = inBridge("web", { state: running, links: [{ containerId: database.id, alias: "database" }] })
  const { service } = await open(database, web)
  mkdirSync(join(containersRoot, web.id))
  writeFileSync(join(containersRoot, web.id, "hosts"), "127.0.0.1\tlocalhost\n")
  await service.connect(database, someScope.span)
  service.updateLinkedHosts(database)
  expect(readFileSync(join(containersRoot, web.id, "hosts"), "utf8")).toContain("172.17.0.2\tdatabase db-host db")
})

test("a removed link closes its ports at once", async () => {
  const database = inBridge("db")
  const web = inBridge("web", { links: [{ containerId: database.id, alias: "database" }] })
  const { service, relinked } = await open(database, web)
  await service.unlink(someScope, "/web/database")
  expect(web.document.links).toEqual([])
  expect(relinked).toEqual([[web.id, []]])
  await expect(service.unlink(someScope, "/web/database")).rejects.toMatchObject({ kind: "notFound" })
})
