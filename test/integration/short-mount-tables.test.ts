import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mount, mountFlags, umount } from "../../src/linux/mount.ts"
import { mountTable } from "../../src/linux/mount-table.ts"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { processesOf } from "../fixtures/kernel-state.ts"
import { OwnNetwork } from "../fixtures/own-network.ts"

/**
 * A daemon whose run root lies on a shared mount, as /run is on hosts with systemd; a namespace that gets all that is
 * mounted there; and a runtime that writes down which mounts it sees.
 */
let host = ""
let network: OwnNetwork
let daemon: TestDaemon
let peer: ReturnType<typeof Bun.spawn>

const seenFile = () => join(host, "seen")
const run = () => join(daemon.root, "run")

beforeAll(async () => {
  host = mkdtempSync(join(tmpdir(), "shared-host-"))
  mount({ source: "host", target: host, type: "tmpfs" })
  mount({ source: "none", target: host, flags: mountFlags.shared })
  peer = Bun.spawn(["unshare", "-m", "--propagation", "unchanged", "sh", "-c", "echo; exec sleep infinity"], {
    stdout: "pipe",
  })
  await (peer.stdout as ReadableStream<Uint8Array>).getReader().read()
  const runtime = join(host, "runtime")
  const script = `#!/bin/sh\ncase "$*" in *run*) cat /proc/self/mountinfo >${seenFile()};; esac\nexec crun "$@"\n`
  writeFileSync(runtime, script, { mode: 0o755 })
  network = await OwnNetwork.make()
  const before = process.env["TMPDIR"]
  process.env["TMPDIR"] = host
  daemon = await TestDaemon.start(["--add-runtime", `seen=${runtime}`], network.barge).finally(() => {
    if (before === undefined) delete process.env["TMPDIR"]
    else process.env["TMPDIR"] = before
  })
  await daemon.bootstrap()
})

afterAll(async () => {
  peer.kill("SIGKILL")
  await peer.exited
  await daemon[Symbol.asyncDispose]()
  await network[Symbol.asyncDispose]()
  umount(host, { detach: true })
  rmSync(host, { recursive: true })
})

async function docker(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.docker(...words)
  if (code !== 0) throw new Error(`docker ${words.join(" ")}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

const busybox = (...words: readonly string[]) => docker("run", "--runtime", "seen", ...words)
const idle = ["busybox", "sleep", "100000"] as const

/** Mount points below the run root's directories of mounts. */
function placesIn(text?: string): readonly string[] {
  const points = mountTable(text).map(({ mountPoint }) => mountPoint)
  return points.filter((point) => /^(bundles|netns)\//.test(point.slice(run().length + 1)) && point.startsWith(run()))
}
const seen = () => placesIn(readFileSync(seenFile(), "utf8"))
const bundle = async (name: string) => join(run(), "bundles/moby", await docker("inspect", "-f", "{{.Id}}", name))

test("the runtime sees the root and the namespace of its own container, and no other's", async () => {
  await busybox("-d", "--name", "first", ...idle)
  await busybox("-d", "--name", "second", ...idle)
  const [root, ...namespaces] = seen().toSorted()
  expect(root).toBe(join(await bundle("second"), "rootfs"))
  expect(namespaces).toHaveLength(1)
  expect(namespaces[0]).toBe(await docker("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", "second"))
  expect(placesIn()).toContain(join(await bundle("first"), "rootfs"))
})

test("what containers have mounted appears in no namespace that shares the host's mounts", async () => {
  const elsewhere = readFileSync(`/proc/${peer.pid}/mountinfo`, "utf8")
  expect(elsewhere).toContain(host)
  expect(placesIn(elsewhere)).toEqual([])
})

test("a start, a restart and an end leave the host's mounts as they were", async () => {
  // Namespaces that are made ahead come and go.
  const roots = () => placesIn().filter((point) => point.includes("/bundles/"))
  const before = roots()
  await busybox("-d", "--name", "passing", ...idle)
  expect(roots()).toEqual([...before, join(await bundle("passing"), "rootfs")])
  await docker("restart", "-t", "0", "passing")
  expect(seen().filter((point) => point.includes("/bundles/"))).toEqual([join(await bundle("passing"), "rootfs")])
  await docker("rm", "-f", "passing")
  await eventually(async () => JSON.stringify(roots()) === JSON.stringify(before), "the root is unmounted")
})

test("a bind mount that is shared passes mounts on in both directions", async () => {
  const shared = join(host, "volume")
  for (const name of ["inside", "outside"]) mkdirSync(join(shared, name), { recursive: true })
  const mounts = ["--privileged", "--mount", `type=bind,src=${shared},dst=/shared,bind-propagation=rshared`]
  await busybox("-d", "--name", "sharing", ...mounts, ...idle)
  await docker("exec", "sharing", "mount", "-t", "tmpfs", "inside", "/shared/inside")
  expect(mountTable().map(({ mountPoint }) => mountPoint)).toContain(join(shared, "inside"))
  mount({ source: "outside", target: join(shared, "outside"), type: "tmpfs" })
  expect(await docker("exec", "sharing", "grep", "-c", "/shared/outside", "/proc/mounts")).toBe("1")
  await docker("rm", "-f", "sharing")
  for (const name of ["inside", "outside"]) umount(join(shared, name))
})

test("a container has the host's files with -v /:/host, and no other container's root", async () => {
  const script = `cat /host${join(host, "runtime")} >/dev/null && grep -c '/host${await bundle("first")}/rootfs' /proc/mounts`
  const { stdout, stderr } = await daemon.docker("run", "--rm", "-v", "/:/host", "busybox", "sh", "-c", script)
  expect({ stdout, stderr }).toEqual({ stdout: "0\n", stderr: "" })
})

test("the run root itself can be bound", async () => {
  const id = await docker("inspect", "-f", "{{.Id}}", "first")
  expect(
    await busybox("--rm", "-v", `${run()}:/run/barge`, "busybox", "ls", `/run/barge/bundles/moby/${id}`),
  ).toContain("config.json")
})

test("networks of another container, of the host and none work as ever", async () => {
  const address = await docker("exec", "first", "ip", "-o", "-4", "addr", "show", "eth0")
  expect(
    await busybox("--rm", "--network", "container:first", "busybox", "ip", "-o", "-4", "addr", "show", "eth0"),
  ).toBe(address)
  expect(await busybox("--rm", "--network", "host", "busybox", "ls", "/sys/class/net")).toContain(daemon.bridge)
  expect(await busybox("--rm", "--network", "none", "busybox", "ls", "/sys/class/net")).toBe("lo")
})

test("what lies on an unbindable mount of somebody else's is bound as it is on the host", async () => {
  const unbindable = join(host, "unbindable")
  mkdirSync(unbindable)
  mount({ source: "test", target: unbindable, type: "tmpfs" })
  mount({ source: "none", target: unbindable, flags: mountFlags.unbindable })
  mkdirSync(join(unbindable, "data"))
  mount({ source: "test", target: join(unbindable, "data"), type: "tmpfs" })
  mount({ source: "none", target: join(unbindable, "data"), flags: mountFlags.private })
  writeFileSync(join(unbindable, "data/file"), "text")
  expect(await busybox("--rm", "-v", `${join(unbindable, "data")}:/data`, "busybox", "cat", "/data/file")).toBe("text")
  umount(unbindable, { detach: true })
})

test("after a kill of daemon and shim, containers still start so, and the others go on", async () => {
  const running = [join(await bundle("first"), "rootfs"), join(await bundle("second"), "rootfs")]
  const shim = processesOf(daemon.root, "shim")
  await daemon.end("SIGKILL")
  for (const pid of shim) process.kill(pid, "SIGKILL")
  await daemon.startAgain()
  const roots = () => placesIn().filter((point) => point.includes("/bundles/"))
  // The roots of containers that had just ended are unmounted after the start.
  await eventually(async () => roots().length === running.length, "only the roots of what runs are mounted")
  expect(roots()).toEqual(running)
  expect(await docker("exec", "first", "echo", "goes on")).toBe("goes on")
  await busybox("-d", "--name", "third", ...idle)
  expect(seen().filter((point) => point.includes("/bundles/"))).toEqual([join(await bundle("third"), "rootfs")])
  await docker("rm", "-f", "first", "second", "third")
})
