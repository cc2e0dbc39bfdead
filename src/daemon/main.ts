import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname } from "node:path"
import { dockerRelease } from "../api/docker-release.ts"
import { Failure, messageOf } from "../errors/failure.ts"
import { keepSmallWhenIdle } from "../linux/idle-memory.ts"
import { build } from "../std/build.ts"
import { Log } from "../std/log.ts"
import { composeDaemon } from "./compose.ts"
import { type DaemonConfig, daemonConfig } from "./config.ts"
import { daemonHelp } from "./help.ts"
import { refuseOtherKinds } from "./own-paths.ts"
import { parseDaemonFlags } from "./parse-flags.ts"
import { tellServiceManager } from "./service-manager.ts"

/** `barge daemon`, or `dockerd`: serves until a signal ends it. @returns the exit code */
export async function daemonMain(args: readonly string[], calledAs: "barge" | "dockerd"): Promise<number> {
  const program = calledAs === "dockerd" ? "dockerd" : "barge daemon"
  let config: DaemonConfig
  try {
    const flags = parseDaemonFlags(args, program)
    if (flags.get("help")) {
      process.stdout.write(daemonHelp(program, process.stdout.columns ?? 80))
      return 0
    }
    if (flags.get("version")) {
      const name = calledAs === "dockerd" ? `Docker version ${dockerRelease}` : `Barge version ${build.version}`
      console.log(`${name}, build ${build.commit}`)
      return 0
    }
    config = daemonConfig(flags, calledAs)
    if (flags.get("validate")) {
      console.error("configuration OK")
      return 0
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    console.error(error.message)
    return 1
  }
  const log = new Log({ level: config.logLevel, format: config.logFormat })
  if (process.getuid?.() !== 0) {
    log.error("the daemon needs root: mounts, namespaces and cgroups are the kernel's to give; run it with sudo")
    return 1
  }
  // A mistake in one thing that is being done is no reason to break off all the others.
  const unexpected = (error: unknown) => log.error(`unexpected: ${(error as Error)?.stack ?? error}`)
  // Who reads the log may go away.
  process.stderr.on("error", () => {})
  process.on("uncaughtException", unexpected)
  process.on("unhandledRejection", unexpected)
  // What containers see of the host's files (/etc/hosts, the base layer of their roots) is for all their users to read.
  process.umask(0o022)
  try {
    refuseOtherKinds(config.roots, config.pidfile)
    using _pidfile = takePidfile(config.pidfile)
    await using daemon = await composeDaemon(config, log)
    using _memory = keepSmallWhenIdle()
    for (const remark of config.remarks) log.warn(remark)
    tellServiceManager("READY=1", log)
    process.on("SIGHUP", () => {
      try {
        const again = daemonConfig(parseDaemonFlags(args, program), calledAs)
        log.level = again.logLevel
        daemon.reload(again)
        log.info("the configuration was read again")
      } catch (error) {
        log.error("the configuration could not be read again: the old one stays", { error: messageOf(error) })
      }
    })
    const signal = await new Promise<string>((resolve) => {
      for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => resolve(name))
    })
    log.info("shutting down; containers run on", { signal })
    tellServiceManager("STOPPING=1", log)
    return 0
  } catch (error) {
    log.error("the daemon cannot go on", { error: messageOf(error) })
    if (config.debug && error instanceof Error) log.debug(error.stack ?? "")
    return 1
  }
}

/** Writes the PID file. @throws conflict when the process named there is alive; unavailable when it cannot be written */
function takePidfile(path: string): Disposable {
  let holder: number | undefined
  try {
    holder = Number(readFileSync(path, "utf8"))
  } catch {
    holder = undefined
  }
  if (holder && holder !== process.pid && isDaemon(holder)) {
    throw new Failure(
      "conflict",
      `failed to start daemon: another one runs, with PID ${holder} (${path}); stop it, or give a second daemon an --exec-root, --data-root, --bridge and --pidfile of its own`,
    )
  }
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 })
    writeFileSync(path, `${process.pid}`, { mode: 0o644 })
  } catch (error) {
    const why = messageOf(error)
    throw new Failure(
      "unavailable",
      `the PID file ${path} cannot be written; give another one with --pidfile: ${why}`,
      error,
    )
  }
  return {
    [Symbol.dispose]: () => rmSync(path, { force: true }),
  }
}

/** Whether a PID is a process of this program: after a reboot the number may be anybody's. */
function isDaemon(pid: number): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").slice(0, 3)
    return words.some((word) => word === "daemon" || basename(word) === "dockerd")
  } catch {
    return false
  }
}
