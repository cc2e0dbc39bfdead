import { expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { linkByName, listLinks } from "../../src/linux/links.ts"
import { NetlinkSocket } from "../../src/linux/netlink.ts"
import type { Sandbox } from "../../src/network/contract.ts"
import { dropNamespace } from "../../src/network/namespaces.ts"
import { openDefaultBridge } from "../fixtures/default-bridge.ts"
import { fileRecords } from "../fixtures/file-records.ts"
import { addressPool } from "../fixtures/lane.ts"

const storm = resolve(import.meta.dir, "../fixtures/network-storm.ts")
const bridge = `bs${process.pid.toString(36)}`

test("a daemon killed at any moment leaves what its records say, and nothing after they are given up", async () => {
  const root = mkdtempSync(join(tmpdir(), "barge-network-"))
  try {
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, [storm, bridge, root], { stdio: ["ignore", "pipe", "inherit"] })
      const gone = new Promise((resolve) => child.once("exit", resolve))
      await new Promise((resolve) => child.stdout!.once("data", resolve))
      await new Promise((resolve) => setTimeout(resolve, 20 + 40 * round))
      child.kill("SIGKILL")
      await gone
    }
    const records = fileRecords<Sandbox>(join(root, "records"))
    const network = await openDefaultBridge({
      bridge,
      runRoot: root,
      records,
      defaultAddressPools: [addressPool],
      poolSize: 0,
      log: () => {},
    })
    const kept = network.endpoints()
    expect(kept.length).toBe(records.all().length)
    expect(kept.length).toBeGreaterThan(0)
    expect(new Set(kept.map(({ ipv4 }) => ipv4)).size).toBe(kept.length)
    using socket = NetlinkSocket.open()
    for (const { hostInterface, netnsPath } of kept) {
      expect(linkByName(socket, hostInterface)).toBeDefined()
      expect(readFileSync("/proc/self/mountinfo", "utf8")).toContain(netnsPath)
    }
    // A helper child that outlived its daemon by a moment takes back what it made.
    while (readdirSync(join(root, "netns")).length !== kept.length)
      await new Promise((resolve) => setTimeout(resolve, 10))

    await network.reconcile(new Set())
    await network[Symbol.asyncDispose]()
    expect(records.all()).toEqual([])
    expect(listLinks(socket).filter(({ name }) => name.startsWith(bridge))).toEqual([])
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(root)
    expect(existsSync(join(root, "netns"))).toBe(false)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

test("a namespace that the child of a killed daemon makes at this moment is let go of without an error", async () => {
  const folder = mkdtempSync(join(tmpdir(), "barge-network-"))
  const path = join(folder, "namespace")
  const maker = spawn(process.execPath, [resolve(import.meta.dir, "../fixtures/namespace-maker.ts"), path, "200"], {
    stdio: ["ignore", "ignore", "inherit"],
  })
  const ended = new Promise((resolve) => maker.once("exit", resolve))
  let over = false
  void ended.then(() => {
    over = true
  })
  while (!over) {
    for (let times = 0; times < 100; times++) dropNamespace(path)
    await new Promise((resolve) => setImmediate(resolve))
  }
  dropNamespace(path)
  expect(readdirSync(folder)).toEqual([])
  rmSync(folder, { recursive: true })
})
