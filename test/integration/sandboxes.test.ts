import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { readlinkSync, statSync } from "node:fs"
import type { Sandbox, SandboxRequest } from "../../src/core/sandboxes/contract.ts"
import { defaultNetworkId } from "../../src/network/default-network.ts"
import type { SpecRequest } from "../../src/runtime/spec/contract.ts"
import { CoreWorld, newWorld, removeWorld } from "../fixtures/core-world.ts"
import { failure } from "../fixtures/failure.ts"

const folder = newWorld()
const options = { bridge: `sb${process.pid.toString(36)}`, address: "10.207.1.1/24" }
let world: CoreWorld
beforeAll(async () => {
  world = await CoreWorld.open(folder, options)
})
afterEach(async () => {
  expect(await world.held()).toEqual([])
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  removeWorld(folder)
})

const endpoint = { networkId: defaultNetworkId, names: [], links: {}, gatewayPriority: 0 }
const network = { endpoints: [endpoint], ports: [], nameservers: [] }
const whole = { id: "pod", owner: "test", name: "pod", network, ipc: true, pid: true, sharedMemory: 1 << 20 }

async function withSandbox(request: SandboxRequest, work: (sandbox: Sandbox) => Promise<void>): Promise<void> {
  const sandbox = await world.sandboxes.create(world.scope, request)
  try {
    await work(sandbox)
  } finally {
    await world.sandboxes.remove(world.scope, request.id)
  }
}

/** A program in a sandbox. */
async function run(sandbox: Sandbox, script: string) {
  const { network = "", ipc = "", pid = "" } = sandbox.namespaces
  const namespaces = {
    network: { path: network },
    ipc: { path: ipc },
    pid: { path: pid },
    uts: "new",
    cgroup: "host",
  } as const
  const changes: Partial<SpecRequest> = { namespaces, sharedMemory: { source: sandbox.sharedMemory! } }
  return await world.run("", { spec: world.spec(script, changes) })
}

test("programs in a sandbox share its network, IPC, processes and memory, before and after each other", async () => {
  await withSandbox(whole, async (sandbox) => {
    const namespaces = "for kind in net ipc pid; do readlink /proc/self/ns/$kind; done"
    const first = await run(
      sandbox,
      `${namespaces}; echo shared > /dev/shm/word; ip -4 -o addr show eth0 | grep -c 10.207.1.`,
    )
    const second = await run(sandbox, `${namespaces}; cat /dev/shm/word; ps -o pid,args | grep -c '^ *1 /init'`)
    const lines = first.stdout.trim().split("\n")
    expect([lines.length, lines[3]]).toEqual([4, "1"])
    expect(second.stdout.trim().split("\n")).toEqual([...lines.slice(0, 3), "shared", "1"])
    expect(lines[0]).not.toBe(readlinkSync("/proc/self/ns/net"))
  })
})

test("the first process of a PID namespace reaps what ends in it, and lets nobody trace it", async () => {
  await withSandbox({ id: "pod", owner: "test", name: "pod", pid: true }, async ({ namespaces: { pid = "" } }) => {
    const script = "(sleep 0.1 & exec true); sleep 0.5; ps -o stat | grep -c Z; readlink /proc/1/exe || echo hidden"
    const namespaces = { network: "new", ipc: "new", uts: "new", cgroup: "host", pid: { path: pid } } as const
    // Who has its user ID, and no capability that it lacks.
    const user = { name: "65534:65534", groups: [] }
    const { stdout } = await world.run("", { spec: world.spec(script, { namespaces, user }) })
    expect(stdout).toBe("0\nhidden\n")
  })
})

test("a sandbox of a name is made once, is found in its namespace alone, and is removed as often as one likes", async () => {
  const { scope, sandboxes } = world
  const other = { ...scope, namespace: "other" }
  await sandboxes.create(scope, { id: "pod", owner: "test", name: "pod", cgroupParent: "/pods/one" })
  expect((await failure(sandboxes.create(scope, whole))).kind).toBe("alreadyExists")
  expect(sandboxes.find(scope, "pod")).toMatchObject({ namespaces: {}, cgroupParent: "/pods/one" })
  expect(sandboxes.find(other, "pod")).toBeUndefined()
  await sandboxes.create(other, { id: "pod", owner: "test", name: "pod" })
  expect(sandboxes.list(scope).map(({ namespace }) => namespace)).toEqual(["tenant"])
  for (const each of [scope, other, scope]) await sandboxes.remove(each, "pod")
  expect([...sandboxes.list(scope), ...sandboxes.list(other)]).toEqual([])
})

test("nothing is left of a sandbox whose network cannot be made", async () => {
  const missing = { ...network, endpoints: [{ ...endpoint, networkId: "missing" }] }
  const refused = await failure(world.sandboxes.create(world.scope, { ...whole, network: missing }))
  expect(refused).toMatchObject({ kind: "notFound", message: "network missing not found" })
  expect(world.sandboxes.list(world.scope)).toEqual([])
})

test("a port that a sandbox has is taken for others, and is free when the sandbox is removed", async () => {
  const { scope, sandboxes } = world
  const port = { protocol: "tcp", containerPort: 80, hostIp: "", hostPort: 20_000 + (process.pid % 10_000) } as const
  const published = { ...network, ports: [port] }
  await sandboxes.create(scope, { id: "one", owner: "test", name: "pod-one", network: published })
  const second = { id: "two", owner: "test", name: "pod-two", network: published }
  expect((await failure(sandboxes.create(scope, second))).message).toContain("pod-one")
  const removed = sandboxes.remove(scope, "one")
  await sandboxes.create(scope, second)
  await removed
  await sandboxes.remove(scope, "two")
})

describe("after a restart of the daemon", () => {
  const again = async (living?: Map<string, (sandbox: { id: string }) => boolean>) => {
    await world[Symbol.asyncDispose]()
    world = await CoreWorld.open(folder, { ...options, ...(living ? { living } : {}) })
  }

  test("sandboxes of an owner that does not take part are what they were", async () => {
    await withSandbox(whole, async (before) => {
      expect((await run(before, "echo kept > /dev/shm/word")).code).toBe(0)
      const endpoints = world.networking.sandbox("tenant.pod")?.endpoints
      await again()
      const after = world.sandboxes.find(world.scope, "pod")!
      expect(after).toEqual(before)
      expect(world.networking.sandbox("tenant.pod")?.endpoints).toEqual(endpoints!)
      const { stdout } = await run(after, "cat /dev/shm/word; ip -4 -o addr show eth0")
      expect(stdout).toContain("kept\n")
      expect(stdout).toContain(`inet ${endpoints![0]!.ipv4!.address}/`)
    })
  })

  test("sandboxes that their owner says do not live are gone, the others stay", async () => {
    for (const id of ["lives", "died"]) await world.sandboxes.create(world.scope, { ...whole, id })
    await again(new Map([["test", ({ id }) => id === "lives"]]))
    expect(world.sandboxes.list(world.scope).map(({ id }) => id)).toEqual(["lives"])
    expect(statSync(world.sandboxes.find(world.scope, "lives")!.namespaces.network!).isFile()).toBe(true)
    expect((await world.held()).filter((each) => each.includes("died"))).toEqual([])
    await world.sandboxes.remove(world.scope, "lives")
  })
})
