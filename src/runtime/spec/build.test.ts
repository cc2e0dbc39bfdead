import { afterAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SeccompFilters } from "../seccomp/filter.ts"
import { buildSpec } from "./build.ts"
import type { SpecHost, SpecRequest } from "./contract.ts"
import { furtherProcess } from "./process.ts"

const root = mkdtempSync(join(tmpdir(), "spec-"))
mkdirSync(join(root, "etc"))
writeFileSync(join(root, "etc/passwd"), "ana:x:1000:1000::/home/ana:/bin/sh\n")
afterAll(() => rmSync(root, { recursive: true }))

const host: SpecHost = {
  cgroupMode: "unified",
  runtime: {
    name: "crun",
    path: "/usr/bin/crun",
    args: [],
    family: "crun",
    version: "1.14",
    cgroupsByUs: true,
    seccompBpf: false,
    hideUnified: false,
    checkpoints: false,
    reason: "",
  },
  seccomp: new SeccompFilters(),
  apparmor: { enabled: false },
}

/** A build's step or a pod's container asks in these words, without anything of Docker's. */
const some = (changes: Partial<SpecRequest> = {}): SpecRequest => ({
  process: { args: ["/bin/true"], env: ["A=1"], cwd: "/", terminal: false },
  user: { name: "", groups: [] },
  hostname: "pod",
  readonlyRoot: false,
  namespaces: { network: "new", uts: "new", pid: "new", ipc: "new", cgroup: "new" },
  mounts: [],
  files: {},
  security: { privileged: false, capabilities: ["CAP_CHOWN"], noNewPrivileges: true, writableCgroups: false },
  resources: {},
  devices: [],
  deviceRules: [],
  sysctl: {},
  annotations: {},
  ...changes,
})
const spec = (changes?: Partial<SpecRequest>) => buildSpec(some(changes), host, root)
const destinations = (changes?: Partial<SpecRequest>) => spec(changes).mounts.map(({ destination }) => destination)

test("namespaces are new, the host's, or joined by their files", () => {
  const namespaces = { network: { path: "/run/netns/pod" }, uts: "host", pid: { path: "/proc/7/ns/pid" } } as const
  const made = spec({ namespaces: { ...namespaces, ipc: "new", cgroup: "host" } })
  expect(made.linux.namespaces).toEqual([
    { type: "mount" },
    { type: "network", path: "/run/netns/pod" },
    { type: "pid", path: "/proc/7/ns/pid" },
    { type: "ipc" },
  ])
  expect(made.hostname).toBeUndefined()
})

test("a mount takes the place of a usual one, and stands after those that it lies in", () => {
  const cache = { type: "tmpfs", destination: "/var/cache/apt", options: ["size=1m"] } as const
  const variable = { type: "bind", source: "/srv", destination: "/var/", readonly: true, readonlyDepth: "top" } as const
  expect(destinations({ sharedMemory: { size: 1024 } })).toContain("/dev/shm")
  const own = destinations({ mounts: [cache, variable, { type: "tmpfs", destination: "/dev", options: [] }] })
  expect(own).toEqual(["/proc", "/sys", "/sys/fs/cgroup", "/var", "/dev", "/var/cache/apt"])
})

test("a privileged container has every device and nothing that confines it", () => {
  const { linux } = spec({ security: { ...some().security, privileged: true } })
  expect(linux.resources?.devices).toEqual([{ allow: true, type: "a", access: "rwm" }])
  expect(linux.seccomp).toBeUndefined()
  expect(linux.maskedPaths).toBeUndefined()
  expect(spec().linux.seccomp?.defaultAction).toBe("SCMP_ACT_ERRNO")
  expect(spec().linux.maskedPaths).toContain("/proc/kcore")
})

test("low ports and ping need no privilege in a new network; a joined one, which may be the host's, is left as it is", () => {
  expect(spec().linux.sysctl).toMatchObject({ "net.ipv4.ip_unprivileged_port_start": "0" })
  const network = { path: "/proc/7/ns/net" }
  expect(spec({ namespaces: { ...some().namespaces, network } }).linux.sysctl).toBeUndefined()
})

test("a sysctl of a namespace that is the host's is refused", () => {
  const asked = { sysctl: { "kernel.shmmax": "1" }, namespaces: { ...some().namespaces, ipc: "host" } } as const
  expect(() => spec(asked)).toThrow('sysctl "kernel.shmmax" not allowed in host ipc namespace')
})

test("a user of the root has its own home, and only root's capabilities are effective", () => {
  const { process } = spec({ user: { name: "ana", groups: ["7"] } })
  expect(process.user).toEqual({ uid: 1000, gid: 1000, additionalGids: [1000, 7] })
  expect(process.env).toEqual(["A=1", "HOME=/home/ana"])
  expect(process.capabilities).toMatchObject({ bounding: ["CAP_CHOWN"], effective: [] })
})

test("an init program becomes process 1 and runs the command; an exec runs without it", () => {
  const made = spec({ init: "/usr/bin/tini" })
  expect(made.process.args).toEqual(["/sbin/docker-init", "--", "/bin/true"])
  const further = furtherProcess(made, root, {
    args: ["id"],
    env: ["HOME=/elsewhere"],
    terminal: true,
    consoleSize: { height: 24, width: 80 },
    user: { name: "ana", groups: [] },
    capabilities: [],
    privileged: false,
  })
  expect(further).toMatchObject({ args: ["id"], env: ["HOME=/elsewhere"], cwd: "/", noNewPrivileges: true })
  expect(further.user.uid).toBe(1000)
  expect(further.consoleSize).toEqual({ height: 24, width: 80 })
})
