import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { Failure } from "../errors/failure.ts"
import { endOfBirth } from "../linux/newborn.ts"
import { spawn } from "../linux/spawn.ts"
import { checkpointFailure } from "./checkpoint-failure.ts"
import type {
  CheckpointFiles,
  CheckpointRequest,
  ExecRequest,
  LaunchRequest,
  RuntimeDriver,
  RuntimeInfo,
  Started,
} from "./contract.ts"
import { enter } from "./enter.ts"
import { runtimeFailure } from "./failure.ts"
import { type Before, launch, preludeFailed, runtimeEnvironment } from "./launch.ts"
import { SealedCopy } from "./sealed-copy.ts"
import { ShortTables } from "./short-table.ts"

/**
 * Drives any program with runc's command line.
 * @param hidesUnified whether cgroup2 must be out of its sight at this moment; as it was found when absent
 */
export function openDriver(info: RuntimeInfo, hidesUnified?: () => boolean): RuntimeDriver {
  return new CommandLineDriver(info, hidesUnified)
}

/** Drivers by what they drive, each opened once: a driver keeps what makes its starts quick. */
export function openDrivers(): (info: RuntimeInfo) => RuntimeDriver {
  const opened = new Map<string, RuntimeDriver>()
  return (info) => {
    const key = JSON.stringify(info)
    const driver = opened.get(key) ?? openDriver(info)
    opened.set(key, driver)
    return driver
  }
}

type Identity = Pick<LaunchRequest, "id" | "stateRoot">

class CommandLineDriver implements RuntimeDriver {
  readonly #found: RuntimeInfo
  readonly #hidesUnified: (() => boolean) | undefined
  readonly #sealed: SealedCopy | undefined
  readonly #shortTables = new ShortTables()

  constructor(info: RuntimeInfo, hidesUnified?: () => boolean) {
    this.#found = info
    this.#hidesUnified = hidesUnified
    this.#sealed = info.family === "crun" ? new SealedCopy(info.path) : undefined
  }

  get info(): RuntimeInfo {
    const hideUnified = this.#hidesUnified?.() ?? this.#found.hideUnified
    return hideUnified === this.#found.hideUnified ? this.#found : { ...this.#found, hideUnified }
  }

  async run(request: LaunchRequest): Promise<number> {
    const { family } = this.info
    if (family === "other" || (family === "runc" && request.guarded)) return await this.#createAndStart(request)
    const pid = await this.#launch(request, ["run", "--detach"])
    // crun answers some steps earlier.
    if (request.guarded) await endOfBirth(pid)
    return pid
  }

  async #createAndStart(request: LaunchRequest): Promise<number> {
    const pid = await this.create(request)
    const runtime = programOf(pid)
    try {
      await this.start(request)
    } catch (error) {
      await this.delete(request)
      throw error
    }
    // runc's init is a program of its own, which answers some steps before it becomes the container's.
    if (request.guarded && this.info.family === "runc") while (runtime && programOf(pid) === runtime) await pause(1)
    return pid
  }

  create(request: LaunchRequest): Promise<number> {
    return this.#launch(request, ["create"])
  }

  restore(request: LaunchRequest & CheckpointFiles): Promise<number> {
    prepareWork(request.work, "restore.log")
    return this.#launch(request, ["restore", "--detach", ...criuOptions(request)], (log) =>
      checkpointFailure({ info: this.info, verb: "restore", log, work: request.work }),
    )
  }

  checkpoint(request: CheckpointRequest): Promise<void> {
    prepareWork(request.work, "runtime.log", "dump.log")
    return request.span.step(
      `${this.info.name} checkpoint`,
      async (span) => {
        span.set({ program: this.info.path, image: request.image })
        const log = join(request.work, "runtime.log")
        const verb = ["checkpoint", ...criuOptions(request), ...(request.leaveRunning ? ["--leave-running"] : [])]
        const exitCode = await this.#quietly([...this.#program(request, log), ...verb, request.id])
        if (exitCode === 0) return
        throw checkpointFailure({ info: this.info, verb: "checkpoint", log: read(log), work: request.work })
      },
      "runtime",
    )
  }

  #launch(
    request: LaunchRequest,
    verb: readonly string[],
    failed: (log: string | undefined, exitCode: number) => Failure = (log, exitCode) =>
      runtimeFailure({ info: this.info, verb: "create", exitCode, log, bundle: request.bundle }),
  ): Promise<number> {
    const pidFile = join(request.bundle, "init.pid")
    const log = join(request.bundle, "runtime.log")
    const command = [
      ...this.#program(request, log, request.cgroup),
      ...verb,
      "--bundle",
      request.bundle,
      "--pid-file",
      pidFile,
      ...(request.consoleSocket ? ["--console-socket", request.consoleSocket] : []),
      request.id,
    ]
    return request.span.step(
      `${this.info.name} ${verb[0]}`,
      async (span) => {
        const cgroup = request.cgroup.kind === "join" ? `${request.cgroup.files.length} joined` : "by the runtime"
        span.set({ program: this.info.path, cgroup })
        const exitCode = await this.#spawnNew(request, command, log)
        if (exitCode !== 0) {
          this.#checkPrelude(exitCode, log)
          const failure = failed(read(log), exitCode)
          await this.delete(request)
          throw failure
        }
        return readPid(pidFile)
      },
      "runtime",
    )
  }

  start(request: Identity & Pick<LaunchRequest, "span">): Promise<void> {
    return request.span.step(
      `${this.info.name} start`,
      async () => {
        const log = join(request.stateRoot, `${request.id}.start.log`)
        const exitCode = await this.#quietly([...this.#program(request, log), "start", request.id])
        const text = read(log)
        rmSync(log, { force: true })
        if (exitCode !== 0) throw runtimeFailure({ info: this.info, verb: "start", exitCode, log: text })
      },
      "runtime",
    )
  }

  async exec(request: ExecRequest): Promise<Started> {
    return (await this.#enter(request)) ?? { pid: await this.#execByRuntime(request) }
  }

  /** @returns undefined when it is the runtime's to do */
  async #enter(request: ExecRequest): Promise<Started | undefined> {
    if (this.info.family !== "crun" || !request.init) return undefined
    return await request.span.step(
      "enter",
      async (span) => {
        const entered = await enter(request)
        if ("pid" in entered) return entered
        span.set({ left: `to ${this.info.name}`, because: entered.because })
        return undefined
      },
      "runtime",
    )
  }

  #execByRuntime(request: ExecRequest): Promise<number> {
    const pidFile = `${request.processFile}.pid`
    const log = `${request.processFile}.log`
    const command = [
      ...this.#program(request, log, request.cgroup),
      "exec",
      "--detach",
      "--process",
      request.processFile,
      "--pid-file",
      pidFile,
      ...(request.consoleSocket ? ["--console-socket", request.consoleSocket] : []),
      request.id,
    ]
    return request.span.step(
      `${this.info.name} exec`,
      async (span) => {
        span.set({ program: this.info.path })
        try {
          // Only who makes a container looks at the host's cgroups.
          const exitCode = await this.#spawn(request, command, { hideUnified: false })
          if (exitCode === 0) return readPid(pidFile)
          this.#checkPrelude(exitCode, log)
          throw runtimeFailure({
            info: this.info,
            verb: "exec",
            exitCode,
            log: read(log),
            processFile: request.processFile,
          })
        } finally {
          rmSync(pidFile, { force: true })
          rmSync(log, { force: true })
        }
      },
      "runtime",
    )
  }

  async delete(request: Identity): Promise<void> {
    const state = join(request.stateRoot, request.id)
    // Both keep everything in one directory: `status` and `config.json` (crun), `state.json` and `exec.fifo` (runc).
    if (this.info.family !== "other") rmSync(state, { recursive: true, force: true })
    else if (existsSync(state))
      await this.#quietly([...this.#program(request, "/dev/null"), "delete", "--force", request.id])
  }

  /** The program with the options that come before the verb. */
  #program(request: Identity, log: string, cgroup?: LaunchRequest["cgroup"]): readonly string[] {
    const manager =
      this.info.family === "crun" ? [`--cgroup-manager=${cgroup?.kind === "runtime" ? "cgroupfs" : "disabled"}`] : []
    return [
      this.info.path,
      ...this.info.args,
      "--root",
      request.stateRoot,
      "--log",
      log,
      "--log-format",
      "json",
      ...manager,
    ]
  }

  /** Starts the runtime to make a container: without sight of other containers' mounts where that is wanted and possible. */
  async #spawnNew(request: LaunchRequest, command: readonly string[], log: string): Promise<number> {
    // Others may leave a process in the launch's mount namespace, which would hold on to the host's mounts.
    const carried = this.info.family === "other" ? undefined : request.carriedMounts
    const shortTable = await this.#shortTables.of(carried)
    const before = { hideUnified: this.info.hideUnified, endsWithUs: request.guarded ?? false }
    if (!shortTable) return await this.#spawn(request, command, before)
    rmSync(log, { force: true })
    const exitCode = await this.#spawn(request, command, { ...before, shortTable })
    if (exitCode !== preludeFailed || existsSync(log)) return exitCode
    const again = await this.#spawn(request, command, before)
    if (again !== preludeFailed) this.#shortTables.giveUp()
    return again
  }

  #spawn(
    { cgroup, stdio, programStarted }: Pick<LaunchRequest, "cgroup" | "stdio" | "programStarted">,
    command: readonly string[],
    before: Omit<Before, "cgroup">,
  ): Promise<number> {
    if (cgroup.kind === "join" && !this.info.cgroupsByUs)
      throw new Failure("internal", `${this.info.name} makes cgroups itself and cannot be started inside ready ones`)
    return this.#run({ ...before, cgroup }, command, stdio, programStarted)
  }

  #quietly(command: readonly string[]): Promise<number> {
    const before: Before = { hideUnified: this.info.hideUnified, cgroup: { kind: "runtime" } }
    return this.#run(before, command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" })
  }

  #run(
    before: Before,
    command: readonly string[],
    stdio: LaunchRequest["stdio"],
    started?: LaunchRequest["programStarted"],
  ): Promise<number> {
    using start = launch(before, command, this.#sealed?.path())
    const child = spawn({ command: start.command, ...stdio, env: runtimeEnvironment })
    started?.(child.pid, "runtime")
    return child.exited
  }

  #checkPrelude(exitCode: number, log: string): void {
    if (exitCode !== preludeFailed || existsSync(log)) return
    throw new Failure(
      "internal",
      `${this.info.name} was not started: its control groups could not be joined, or the mount namespace that hides cgroup2 could not be made`,
    )
  }
}

/** Both ways alike: CRIU restores locks only when it was told to keep them. */
const criuOptions = ({ image, work }: CheckpointFiles): readonly string[] => [
  "--image-path",
  image,
  "--work-path",
  work,
  "--file-locks",
]

/** Makes the directory for logs, without those of an earlier time. */
function prepareWork(work: string, ...logs: readonly string[]): void {
  mkdirSync(work, { recursive: true, mode: 0o700 })
  for (const log of logs) rmSync(join(work, log), { force: true })
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** The path of a process's program; nothing is looked up. @returns undefined when the process has ended */
function programOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`)
  } catch {
    return undefined
  }
}

function readPid(path: string): number {
  const pid = Number(read(path))
  if (Number.isSafeInteger(pid) && pid > 0) return pid
  throw new Failure("internal", `the runtime reported success, but wrote no process ID into ${path}`)
}
