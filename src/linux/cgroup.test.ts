import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cgroupPath, detectCgroups } from "./cgroup.ts"
import { parseIoStat } from "./cgroup-v2.ts"
import { cpuWeight, ioWeight, writeUnifiedLimits } from "./cgroup-v2-limits.ts"

const line = (point: string, type: string, options: string) =>
  `31 23 0:28 / ${point} rw,relatime shared:9 - ${type} ${type} ${options}\n`

test("pure v2 is unified, v1 alone legacy, both hybrid", () => {
  expect(detectCgroups(line("/sys/fs/cgroup", "cgroup2", "rw")).mode).toBe("unified")
  const v1 = line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct")
  expect(detectCgroups(v1).mode).toBe("legacy")
  expect(detectCgroups(v1 + line("/nowhere/unified", "cgroup2", "rw")).mode).toBe("hybrid")
})

test("controllers that share a hierarchy, named hierarchies and odd mount points are understood", () => {
  const host = detectCgroups(
    line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct") +
      line("/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,name=systemd") +
      line("/odd\\040place/memory", "cgroup", "rw,memory") +
      line("/elsewhere/memory", "cgroup", "rw,memory"),
  )
  expect(host.hierarchies).toEqual([
    { controllers: ["cpu", "cpuacct"], mountPoint: "/sys/fs/cgroup/cpu,cpuacct" },
    { controllers: [], name: "systemd", mountPoint: "/sys/fs/cgroup/systemd" },
    { controllers: ["memory"], mountPoint: "/odd place/memory" },
  ])
  expect([...host.controllers]).toEqual(["cpu", "cpuacct", "memory"])
})

test("a container's group lies below the configured parent", () => {
  expect(cgroupPath("id")).toBe("/barge/id")
  expect(cgroupPath("id", "my/parent/")).toBe("/my/parent/id")
  expect(cgroupPath("id", "/")).toBe("/id")
})

test("shares and weights map onto v2's ranges", () => {
  expect([cpuWeight(2), cpuWeight(1024), cpuWeight(262144)]).toEqual([1, 39, 10000])
  expect([ioWeight(10), ioWeight(1000)]).toEqual([1, 10000])
})

test("a weight of a device is scaled as that of the group, and none takes it back", () => {
  const directory = mkdtempSync(join(tmpdir(), "barge-cgroup-"))
  const written = (file: string, weight: number) => {
    writeUnifiedLimits(directory, { blockIO: { weightDevice: [{ major: 8, minor: 0, weight }] } })
    return readFileSync(`${directory}/${file}`, "utf8")
  }
  expect([written("io.weight", 1000), written("io.weight", 0)]).toEqual(["8:0 10000", "8:0 default"])
  writeFileSync(`${directory}/io.bfq.weight`, "")
  expect([written("io.bfq.weight", 1000), written("io.bfq.weight", 0)]).toEqual(["8:0 1000", "8:0 default"])
  rmSync(directory, { recursive: true })
})

test("io.stat becomes reads and writes per device", () => {
  expect(parseIoStat("8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0")).toEqual([
    { major: 8, minor: 0, op: "Read", bytes: 10n, operations: 1n },
    { major: 8, minor: 0, op: "Write", bytes: 20n, operations: 2n },
  ])
})
