import { expect, test } from "bun:test"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { detectCgroups, openCgroup } from "../../src/linux/cgroup.ts"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

/** Processes whose command line says that they belong to a daemon: its shim, and the shim's holder. */
const processesWith = (text: string): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text)
      } catch {
        return false
      }
    })

test("after a loss of everything that ran, containers start after those whose namespaces they share or that they are linked to", async () => {
  await using daemon = await TestDaemon.start()
  await daemon.bootstrap()
  const docker = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await daemon.docker(...args)
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}\n${daemon.log}`)
    return stdout.trim()
  }
  const start = (name: string, ...flags: string[]) =>
    docker("run", "-d", "--restart", "always", "--name", name, ...flags, "busybox", "top")
  await start("owner", "--ipc", "shareable")
  // Those that share come first in the list of containers: they were made again after the owner, but have other names.
  const sharing = {
    network: ["--network", "container:owner"],
    pid: ["--pid", "container:owner"],
    ipc: ["--ipc", "container:owner"],
  }
  for (const [name, flags] of Object.entries(sharing)) await start(name, ...flags)
  await start("chained", "--network", "container:network")
  await start("linked", "--link", "owner:o")
  const everybody = ["owner", "network", "pid", "ipc", "chained", "linked"]
  const states = async () => await docker("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", ...everybody)
  const before = await states()
  // As a reboot does: nothing of the daemon's is left but its data.
  const inits = before.split("\n").map((line) => Number(line.split(" ")[1]))
  await daemon.end("SIGKILL")
  for (const pid of processesWith(daemon.root)) process.kill(pid, "SIGKILL")
  for (const pid of inits) process.kill(pid, "SIGKILL")
  await eventually(async () => inits.every((pid) => !processesWith("top").includes(pid)), "containers have ended")
  await daemon.startAgain()
  await eventually(
    async () => (await states()).split("\n").every((line) => line.startsWith("running ")),
    `everybody runs again: ${daemon.log}`,
  )
})

test("a container whose network is another one's waits for that one's restart, which was pending when everything was lost", async () => {
  await using daemon = await TestDaemon.start()
  await daemon.bootstrap()
  const docker = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await daemon.docker(...args)
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}\n${daemon.log}`)
    return stdout.trim()
  }
  const state = (name: string) => docker("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", name)
  const killed = (pids: readonly number[]) => {
    for (const pid of pids) process.kill(pid, "SIGKILL")
    return eventually(async () => pids.every((pid) => !existsSync(`/proc/${pid}`)), "processes have ended")
  }
  const pidOf = async (name: string) => Number((await state(name)).split(" ")[1])
  // The owner ends at once while its volume lacks a file.
  const folder = `${daemon.root}/volume`
  mkdirSync(folder)
  writeFileSync(`${folder}/works`, "")
  const script = "test -e /v/works && exec top"
  await docker(
    "run",
    "-d",
    "--restart",
    "always",
    "--name",
    "owner",
    "-v",
    `${folder}:/v`,
    "busybox",
    "sh",
    "-c",
    script,
  )
  await docker("run", "-d", "--restart", "always", "--name", "guest", "--network", "container:owner", "busybox", "top")
  rmSync(`${folder}/works`)
  await killed([await pidOf("owner")])
  const pending = async () => Number(await docker("inspect", "-f", "{{.RestartCount}}", "owner")) >= 5
  await eventually(async () => (await pending()) && (await state("owner")) === "restarting 0", "a restart is pending")
  const guest = await pidOf("guest")
  await daemon.end("SIGKILL")
  for (const pid of processesWith(daemon.root)) process.kill(pid, "SIGKILL")
  await killed([guest])
  await daemon.run("sh", "-c", `grep -o '${daemon.root}/run/[^ ]*' /proc/mounts | sort -r | xargs -rn1 umount -l`)
  rmSync(`${daemon.root}/run`, { recursive: true })
  writeFileSync(`${folder}/works`, "")
  await daemon.startAgain()
  await eventually(
    async () => [await state("owner"), await state("guest")].every((each) => each.startsWith("running ")),
    `both run again: ${daemon.log}`,
  )
})

test("a container starts in a control group that an earlier life left frozen", async () => {
  await using daemon = await TestDaemon.start()
  await daemon.bootstrap()
  const id = (await daemon.docker("create", "--name", "cold", "busybox", "echo", "warm")).stdout.trim()
  const host = detectCgroups()
  const path = `/${daemon.bridge}/${id}`
  const group = openCgroup(host, path)
  group.create({})
  if (host.mode === "unified") mkdirSync(`${host.unified}${path}`)
  await group.freeze()
  expect((await daemon.docker("start", "-a", "cold")).stdout).toBe("warm\n")
})
