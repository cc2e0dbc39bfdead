import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { run } from "./measure.ts"

/** One engine that is measured. `cli` takes docker's words. */
export interface Peer {
  readonly name: string
  readonly cli: readonly string[]
  /** Resident processes besides containers' own: what they are called by. */
  resident(): number[]
  stop(): Promise<void>
}

const barge = resolve(import.meta.dir, "../dist/barge")

/** Where an engine keeps what it has. */
export interface Places {
  /** On a disk: what outlives a reboot. */
  readonly root: string
  /** On a tmpfs, as /run is on users' machines, where there is one. */
  readonly run: string
}

/** Barge, whose daemon can be ended while its containers run on. */
export interface BargePeer extends Peer {
  readonly runRoot: string
  /** Ends the daemon by a signal, waits for its end and starts it again. @returns when it answers */
  restart(signal: NodeJS.Signals): Promise<void>
}

/** Barge with roots, bridge and addresses of its own. */
export async function startBarge({ root, run: runRoot }: Places): Promise<BargePeer> {
  const socket = `${root}/barge.sock`
  mkdirSync(root, { recursive: true })
  writeFileSync(`${root}/daemon.json`, "{}")
  const flags = [
    ...["--data-root", `${root}/data`, "--exec-root", runRoot, "--config-file", `${root}/daemon.json`],
    ...["-H", `unix://${socket}`, "--bridge", "bgbench", "--bip", "10.249.0.1/16"],
  ]
  const start = () => spawn(barge, ["daemon", ...flags], { stdio: "ignore" })
  let daemon = start()
  const cli = [barge, "-H", `unix://${socket}`]
  await answers(cli, daemon)
  await run([...cli, "image", "bootstrap", "busybox"])
  return {
    name: "barge",
    cli,
    runRoot,
    resident: () => processes((line) => line.includes(runRoot) && /(daemon|shim)/.test(line)),
    restart: async (signal) => {
      await endBy(daemon, signal)
      daemon = start()
      await answers(cli, daemon)
    },
    stop: () => end(daemon, cli),
  }
}

/**
 * Debian's dockerd in a network namespace of its own, so that nobody's rules meet; without an image to load in this one, where its
 * registry is.
 */
export async function startDocker({ root, run: runRoot }: Places, image?: string): Promise<Peer | undefined> {
  if (!Bun.which("dockerd")) return undefined
  const socket = `${root}/docker.sock`
  mkdirSync(root, { recursive: true })
  writeFileSync(`${root}/daemon.json`, "{}")
  const daemon = spawn(
    image ? "unshare" : "env",
    [
      ...(image ? ["-n"] : []),
      "dockerd",
      "--data-root",
      `${root}/data`,
      "--exec-root",
      runRoot,
      "--config-file",
      `${root}/daemon.json`,
      "-H",
      `unix://${socket}`,
      "--pidfile",
      `${root}/pid`,
    ],
    { stdio: "ignore" },
  )
  const cli = ["docker", "-H", `unix://${socket}`]
  await answers(cli, daemon)
  if (image) await run([...cli, "load", "-i", image])
  return {
    name: "docker",
    cli,
    resident: () => processes((line) => line.includes(root) || line.includes(runRoot)),
    stop: () => end(daemon, cli),
  }
}

/** containerd alone, driven by ctr. */
export async function startContainerd(root: string) {
  if (!Bun.which("containerd") || !Bun.which("ctr")) return undefined
  mkdirSync(root, { recursive: true })
  const address = `${root}/containerd.sock`
  const config = `version = 2\nroot = "${root}/data"\nstate = "${root}/run"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n`
  writeFileSync(`${root}/config.toml`, `${config}[grpc]\naddress = "${address}"\n`)
  const daemon = spawn("containerd", ["--config", `${root}/config.toml`, "--log-level", "error"], { stdio: "ignore" })
  const ctr = (...words: string[]) => run(["ctr", "-a", address, ...words], { quietly: true })
  await answers(["ctr", "-a", address], daemon)
  return {
    name: "containerd",
    pull: (ref: string) => ctr("images", "pull", "--plain-http", ref),
    push: (from: string, to: string) => ctr("images", "push", "--plain-http", to, from),
    stop: async () => {
      const ended = new Promise((done) => daemon.once("exit", done))
      daemon.kill("SIGTERM")
      await ended
    },
  }
}

/** Podman has no daemon; what stays is its conmon per container. */
export async function startPodman({ root, run: runRoot }: Places, image: string): Promise<Peer | undefined> {
  if (!Bun.which("podman")) return undefined
  const cli = [
    "podman",
    "--root",
    `${root}/data`,
    "--runroot",
    runRoot,
    "--cgroup-manager",
    "cgroupfs",
    "--log-level",
    "error",
  ]
  try {
    await run([...cli, "load", "-i", image])
    await run([...cli, "run", "--rm", "busybox", "true"])
  } catch (error) {
    await run([...cli, "system", "reset", "-f"]).catch(() => {})
    await run(["umount", `${root}/data/overlay`]).catch(() => {})
    console.error(`podman does not run here and is left out: ${(error as Error).message.split("\n")[0]}`)
    return undefined
  }
  return {
    name: "podman",
    cli,
    resident: () => processes((line) => line.includes("conmon") && line.includes(root)),
    stop: async () => {
      await run([...cli, "rm", "-f", "-a"]).catch(() => {})
      await run([...cli, "system", "reset", "-f"]).catch(() => {})
      await run(["umount", `${root}/data/overlay`]).catch(() => {})
      rmSync(root, { recursive: true, force: true })
    },
  }
}

async function answers(cli: readonly string[], daemon: ChildProcess): Promise<void> {
  for (;;) {
    if (daemon.exitCode !== null) throw new Error(`${cli[0]}: the daemon ended with ${daemon.exitCode}`)
    if (
      await run([...cli, "version"]).then(
        () => true,
        () => false,
      )
    )
      return
    await pause(50)
  }
}

async function end(daemon: ChildProcess, cli: readonly string[]): Promise<void> {
  const ids = (await run([...cli, "ps", "-aq"])).split("\n").filter(Boolean)
  if (ids.length > 0) await run([...cli, "rm", "-f", ...ids], { quietly: true })
  await endBy(daemon, "SIGTERM")
}

async function endBy(daemon: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = new Promise((done) => daemon.once("exit", done))
  daemon.kill(signal)
  await ended
}

/** PIDs whose command line is chosen by `test`. */
function processes(test: (commandLine: string) => boolean): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return test(readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " "))
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Megabytes in memory: resident, and the proportional share that counts shared pages once. */
export function memoryOf(pids: readonly number[]): { readonly rss: number; readonly pss: number } {
  let rss = 0
  let pss = 0
  for (const pid of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1")
      rss += Number(/^Rss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024
      pss += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024
    } catch {
      // It ended meanwhile.
    }
  }
  return { rss, pss }
}
