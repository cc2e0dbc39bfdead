import { rmdirSync } from "node:fs"
import { join } from "node:path"
import { Failure, messageOf } from "../../errors/failure.ts"
import type { BlockingCalls } from "../../linux/blocking.ts"
import type { Cgroup, CgroupStats } from "../../linux/cgroup-contract.ts"
import { mount } from "../../linux/mount.ts"
import type { Process, Resources, RuntimeSpec } from "../../oci/runtime-spec.ts"
import type { RuntimeDriver } from "../../runtime/contract.ts"
import type { AttachOptions, AttachStream, ExitRecord, IoConfig, LogConfig, Shim } from "../../shim/contract.ts"
import { KeyedMutex, Semaphore } from "../../std/semaphore.ts"
import type { Span } from "../../trace/span.ts"
import type { EventBus } from "../events/contract.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import { Bundle, bundlesIn, type TaskHoldings } from "./bundle.ts"
import type { Task, TaskRequest, TaskService, TaskStatus, ViewMount } from "./contract.ts"
import { holdRootSeenBy, mountInView } from "./root-view.ts"
import { SharedUse } from "./shared-use.ts"
import { canReceive, signalState } from "./signals.ts"

export interface TaskCollaborators {
  /** Holds bundles and the runtimes' own state. */
  readonly runRoot: string
  readonly shim: Shim
  readonly snapshots: Snapshotter
  /** The driver of a configured runtime; the default one without a name. @throws notFound */
  readonly runtime: (name?: string) => RuntimeDriver
  readonly cgroup: (path: string) => Cgroup
  /** Where containers' cgroups go when their spec names none, e.g. `/barge`. */
  readonly cgroupParent: string
  readonly events: EventBus
  readonly blocking: BlockingCalls
  /** How many containers start at the same moment; more only raises every start's latency. */
  readonly startsAtOnce: number
}

interface Live {
  readonly key: string
  readonly bundle: Bundle
  readonly holdings: TaskHoldings
  readonly cgroup: Cgroup
  readonly driver: RuntimeDriver
  pid: number
  startedAt: bigint
  status: TaskStatus
  exit?: ExitRecord
  readonly waiters: ((exit: ExitRecord) => void)[]
  readonly execExits: Map<string, ExitRecord>
  readonly execWaiters: Map<string, ((exit: ExitRecord) => void)[]>
}

/** Tasks of one daemon: bundles and mounts here, processes in the shim. */
export class Tasks implements TaskService {
  readonly #with: TaskCollaborators
  readonly #live = new Map<string, Live>()
  readonly #starts: Semaphore
  readonly #idleRoots = new SharedUse<string>()
  readonly #perTask = new KeyedMutex()
  readonly #listeners: ((namespace: string, exit: ExitRecord) => void)[] = []
  /** Exits told before the start that they belong to had been answered. */
  readonly #early = new Map<string, ExitRecord>()

  constructor(collaborators: TaskCollaborators) {
    this.#with = collaborators
    this.#starts = new Semaphore(collaborators.startsAtOnce)
    collaborators.shim.on((event) => {
      if (event.type === "exit") this.#ended(event.exit)
      else if (event.type === "reconnected")
        this.#reconnected(
          new Set(event.tasks.map((task) => task.id)),
          event.tasks.flatMap((task) => task.exit ?? []),
        )
    })
  }

  onExit(listener: (namespace: string, exit: ExitRecord) => void): void {
    this.#listeners.push(listener)
  }

  async open(scope: Scope, containerId: string, io: IoConfig, log: LogConfig): Promise<void> {
    const key = keyOf(scope, containerId)
    await this.#perTask.run(key, () => this.#with.shim.open(key, io, log))
  }

  async close(scope: Scope, containerId: string): Promise<void> {
    const key = keyOf(scope, containerId)
    if (this.#live.has(key)) return
    await this.#with.shim.forget(key).catch(ignoreMissing)
  }

  async run(scope: Scope, request: TaskRequest): Promise<Task> {
    const key = keyOf(scope, request.containerId)
    return await this.#perTask.run(key, () => this.#starts.run(() => this.#run(scope, key, request)))
  }

  async #run(scope: Scope, key: string, request: TaskRequest): Promise<Task> {
    if (this.#live.has(key)) throw new Failure("alreadyExists", `task ${request.containerId} exists already`)
    const { shim, snapshots, runtime } = this.#with
    const driver = runtime(request.runtime)
    const cgroupPath = join("/", request.cgroupParent ?? this.#with.cgroupParent, key)
    const cgroup = this.#with.cgroup(cgroupPath)
    const cgroupByUs = cgroup.joinFiles.length > 0 && driver.info.cgroupsByUs
    const bundle = this.#bundle(scope, request.containerId)
    const holdings: TaskHoldings = {
      namespace: scope.namespace,
      containerId: request.containerId,
      ...(request.snapshotKey ? { snapshotKey: request.snapshotKey } : {}),
      ...(request.rootfs ? { foreignRoot: request.rootfs } : {}),
      ephemeral: request.ephemeral,
      runtime: driver.info.name,
      cgroupPath,
      cgroupByUs,
    }
    const live: Live = {
      key,
      bundle,
      holdings,
      cgroup,
      driver,
      pid: 0,
      startedAt: 0n,
      status: "created",
      waiters: [],
      execExits: new Map(),
      execWaiters: new Map(),
    }
    try {
      bundle.create(holdings)
      if (request.snapshotKey) {
        await step(scope, "mount root", async (span) => {
          const mounts = await snapshots.mounts(scope, request.snapshotKey!, { volatile: true })
          for (const each of mounts) mount({ ...each, target: bundle.rootfs })
          const top = mounts.at(-1)
          span.set({
            driver: snapshots.driver,
            lower: top?.lowerDirs?.length ?? 0,
            ...(top?.upperDir ? { upper: top.upperDir } : {}),
          })
        })
      }
      const root = request.rootfs ?? bundle.rootfs
      const limits = await step(scope, "spec", async (span) => {
        const spec = await request.spec(root, span)
        spec.root.path = root
        spec.linux.cgroupsPath = cgroupPath
        if (cgroupByUs) {
          cgroup.create(spec.linux.resources ?? {})
          span.set({ cgroup: cgroupPath, hierarchies: cgroup.joinFiles.length })
        }
        bundle.writeSpec(spec)
        span.set({
          namespaces: spec.linux.namespaces.map((each) => each.type).join(" "),
          mounts: spec.mounts.length,
        })
        return spec.linux.resources
      })
      const { pid } = await step(scope, "start", (span) =>
        shim.run(
          {
            id: key,
            bundle: bundle.path,
            runtime: driver.info,
            stateRoot: this.#stateRoot,
            io: request.io,
            log: request.log,
            cgroup: cgroupByUs ? { kind: "join", files: cgroup.joinFiles } : { kind: "runtime" },
            ...(cgroup.oomFile ? { oomFile: cgroup.oomFile } : {}),
          },
          span,
        ),
      )
      if (cgroupByUs && limits?.pids) cgroup.update({ pids: limits.pids })
      live.pid = pid
      live.startedAt = scope.span.now()
      live.status = "running"
      this.#live.set(key, live)
    } catch (error) {
      await this.#free(scope, live).catch(() => {})
      throw error
    }
    this.#with.events.publish(scope, "/tasks/start", { container_id: request.containerId, pid: live.pid })
    const early = this.#early.get(key)
    if (early) {
      this.#early.delete(key)
      this.#ended(early)
    }
    return asTask(live)
  }

  async get(scope: Scope, containerId: string): Promise<Task> {
    return asTask(this.#require(scope, containerId))
  }

  find(scope: Scope, containerId: string): Task | undefined {
    const live = this.#live.get(keyOf(scope, containerId))
    return live && asTask(live)
  }

  async spec(scope: Scope, containerId: string): Promise<RuntimeSpec> {
    return this.#require(scope, containerId).bundle.spec()
  }

  async list(scope: Scope): Promise<readonly Task[]> {
    return [...this.#live.values()].filter((live) => live.holdings.namespace === scope.namespace).map(asTask)
  }

  async kill(
    scope: Scope,
    containerId: string,
    signal: number,
    options: { readonly all?: boolean; readonly execId?: string } = {},
  ): Promise<void> {
    const live = this.#require(scope, containerId)
    if (live.status === "stopped" && !options.all) throw new Failure("notFound", `process of ${containerId} has ended`)
    if (options.all) {
      if (signal === 9) live.cgroup.kill()
      else for (const pid of live.cgroup.pids()) sendSignal(pid, signal)
      return
    }
    await this.#with.shim.kill(live.key, signal, options.execId)
  }

  canReceive(scope: Scope, containerId: string, signal: number): { readonly can: boolean; readonly why: string } {
    const live = this.#require(scope, containerId)
    const state = signalState(live.pid)
    return state ? canReceive(state, signal) : { can: false, why: "the process has ended" }
  }

  async wait(scope: Scope, containerId: string): Promise<ExitRecord> {
    const live = this.#require(scope, containerId)
    if (live.exit) return live.exit
    return await new Promise((resolve) => live.waiters.push(resolve))
  }

  async pause(scope: Scope, containerId: string): Promise<void> {
    const live = this.#running(scope, containerId)
    await live.cgroup.freeze()
    live.status = "paused"
    this.#with.events.publish(scope, "/tasks/paused", { container_id: containerId })
  }

  async resume(scope: Scope, containerId: string): Promise<void> {
    const live = this.#running(scope, containerId)
    await live.cgroup.thaw()
    live.status = "running"
    this.#with.events.publish(scope, "/tasks/resumed", { container_id: containerId })
  }

  async update(scope: Scope, containerId: string, resources: Resources): Promise<void> {
    this.#running(scope, containerId).cgroup.update(resources)
  }

  stats(scope: Scope, containerId: string): CgroupStats {
    return this.#require(scope, containerId).cgroup.stats()
  }

  pids(scope: Scope, containerId: string): readonly number[] {
    return this.#require(scope, containerId).cgroup.pids()
  }

  async resize(
    scope: Scope,
    containerId: string,
    size: { readonly height: number; readonly width: number },
    execId?: string,
  ): Promise<void> {
    await this.#with.shim.resize(keyOf(scope, containerId), size, execId)
  }

  async attach(scope: Scope, options: AttachOptions): Promise<AttachStream> {
    return await this.#with.shim.attach({ ...options, id: keyOf(scope, options.id) })
  }

  async openExec(scope: Scope, containerId: string, execId: string, io: IoConfig): Promise<void> {
    const live = this.#running(scope, containerId)
    await this.#with.shim.open(live.key, io, noLog, execId)
  }

  async exec(
    scope: Scope,
    containerId: string,
    execId: string,
    process: Process,
    io: IoConfig,
  ): Promise<{ readonly pid: number }> {
    const live = this.#running(scope, containerId)
    const processFile = live.bundle.writeProcess(execId, process)
    return await step(scope, "exec", (span) =>
      this.#with.shim.exec(
        {
          id: live.key,
          execId,
          runtime: live.driver.info,
          stateRoot: this.#stateRoot,
          processFile,
          io,
          cgroup: live.holdings.cgroupByUs ? { kind: "join", files: live.cgroup.joinFiles } : { kind: "runtime" },
        },
        span,
      ),
    )
  }

  async waitExec(scope: Scope, containerId: string, execId: string): Promise<ExitRecord> {
    const live = this.#require(scope, containerId)
    const exit = live.execExits.get(execId)
    if (exit) return exit
    return await new Promise((resolve) => {
      const waiters = live.execWaiters.get(execId)
      if (waiters) waiters.push(resolve)
      else live.execWaiters.set(execId, [resolve])
    })
  }

  async forgetExec(scope: Scope, containerId: string, execId: string): Promise<void> {
    this.#live.get(keyOf(scope, containerId))?.execExits.delete(execId)
    await this.#with.shim.forget(keyOf(scope, containerId), execId).catch(ignoreMissing)
  }

  async drained(scope: Scope, containerId: string): Promise<void> {
    await this.#with.shim.drained(keyOf(scope, containerId)).catch(ignoreMissing)
  }

  async withRoot<T>(
    scope: Scope,
    containerId: string,
    snapshotKey: string,
    work: (root: string) => Promise<T>,
  ): Promise<T> {
    const live = this.#live.get(keyOf(scope, containerId))
    if (live && live.status !== "stopped") return await work(live.holdings.foreignRoot ?? live.bundle.rootfs)
    return await this.#idleRoots.use(keyOf(scope, containerId), this.#idle(scope, containerId, snapshotKey), work)
  }

  async withMountedRoot<T>(
    scope: Scope,
    containerId: string,
    snapshotKey: string,
    mounts: (root: string, show: (view: ViewMount) => void) => Promise<void>,
    work: (root: string) => Promise<T>,
  ): Promise<T> {
    const live = this.#live.get(keyOf(scope, containerId))
    if (live && live.status !== "stopped") {
      using seen = holdRootSeenBy(live.pid, live.holdings.foreignRoot ?? live.bundle.rootfs)
      if (seen) return await work(seen.path)
    }
    const key = `${keyOf(scope, containerId)} with mounts`
    return await this.#idleRoots.use(key, this.#idle(scope, containerId, snapshotKey, mounts), work)
  }

  /** Mounts the root of a container that does not run; it cannot start meanwhile. */
  #idle(
    scope: Scope,
    containerId: string,
    snapshotKey: string,
    mounts?: (root: string, show: (view: ViewMount) => void) => Promise<void>,
  ): (work: (root: string) => Promise<void>) => Promise<void> {
    return (work) =>
      this.#perTask.run(keyOf(scope, containerId), async () => {
        const live = this.#live.get(keyOf(scope, containerId))
        if (live) {
          const root = live.holdings.foreignRoot ?? live.bundle.rootfs
          // It was started while this waited, or has ended and is not freed yet: then the root goes when the task does.
          using seen = mounts && live.status !== "stopped" ? holdRootSeenBy(live.pid, root) : undefined
          if (seen) return await work(seen.path)
          await mounts?.(root, (view) => mountInView(root, view))
          return await work(root)
        }
        const bundle = this.#bundle(scope, containerId)
        bundle.create({
          namespace: scope.namespace,
          containerId,
          snapshotKey,
          ephemeral: false,
          runtime: "",
          cgroupPath: "",
          cgroupByUs: false,
        })
        try {
          for (const each of await this.#with.snapshots.mounts(scope, snapshotKey)) {
            mount({ ...each, target: bundle.rootfs })
          }
          await mounts?.(bundle.rootfs, (view) => mountInView(bundle.rootfs, view))
          await work(bundle.rootfs)
        } finally {
          await this.#with.blocking.unmount(bundle.rootfs)
          await this.#removeBundle(bundle)
        }
      })
  }

  async delete(scope: Scope, containerId: string): Promise<void> {
    const key = keyOf(scope, containerId)
    await this.#perTask.run(key, async () => {
      const live = this.#live.get(key)
      if (!live) return
      if (live.status !== "stopped") {
        throw new Failure("conflict", `task ${containerId} is running; kill it and wait for its end first`)
      }
      await this.#free(scope, live)
      this.#live.delete(key)
      this.#with.events.publish(scope, "/tasks/delete", { container_id: containerId })
    })
  }

  /**
   * Takes over what an earlier life of the daemon left: running tasks are adopted, ended ones are told as exits to
   * listeners, half-made ones are freed. Call once, after every listener is in place.
   */
  async recover(scopeOf: (namespace: string) => Scope): Promise<void> {
    const known = new Map((await this.#with.shim.tasks()).map((task) => [task.id, task]))
    const ended: ExitRecord[] = []
    for (const bundle of bundlesIn(this.#bundleRoot)) {
      const holdings = bundle.holdings()
      if (!holdings?.runtime) {
        // What cannot be taken away now stays for the next start, and hurts nobody.
        await this.#with.blocking.unmount(bundle.rootfs).catch(() => {})
        await this.#removeBundle(bundle).catch(() => {})
        continue
      }
      const scope = scopeOf(holdings.namespace)
      const key = keyOf(scope, holdings.containerId)
      const state = known.get(key)
      const live: Live = {
        key,
        bundle,
        holdings,
        cgroup: this.#with.cgroup(holdings.cgroupPath),
        driver: this.#with.runtime(holdings.runtime),
        pid: state?.pid ?? 0,
        startedAt: BigInt(state?.startedAt ?? "0"),
        status: "running",
        waiters: [],
        execExits: new Map(),
        execWaiters: new Map(),
      }
      if (!state?.pid) {
        await this.#free(scope, live)
        continue
      }
      if (live.cgroup.frozen()) live.status = "paused"
      for (const exec of state.execs) if (exec.exit) live.execExits.set(exec.execId, exec.exit)
      this.#live.set(key, live)
      if (state.exit) ended.push(state.exit)
    }
    for (const id of known.keys()) if (!this.#live.has(id)) await this.#with.shim.forget(id).catch(ignoreMissing)
    for (const exit of ended) this.#ended(exit)
  }

  /** Frees everything a task holds, each step even when another fails. */
  async #free(scope: Scope, live: Live): Promise<void> {
    const { blocking, shim, snapshots } = this.#with
    const { holdings, bundle } = live
    const failures: unknown[] = []
    const attempt = async (work: () => Promise<void>) => {
      try {
        await work()
      } catch (error) {
        failures.push(error)
      }
    }
    await attempt(() => shim.forget(live.key).catch(ignoreMissing))
    await attempt(() => live.driver.delete({ id: live.key, stateRoot: this.#stateRoot }))
    await attempt(() => (live.pid === 0 ? removeWithContents(live.cgroup) : live.cgroup.remove()))
    if (holdings.snapshotKey) {
      await attempt(() => blocking.unmount(bundle.rootfs))
      if (!holdings.ephemeral) await attempt(() => snapshots.settle(scope, holdings.snapshotKey!).catch(ignoreMissing))
    }
    await attempt(() => this.#removeBundle(bundle))
    if (failures.length > 0) {
      throw new Failure("internal", `cleaning up ${holdings.containerId}: ${failures.map(messageOf).join("; ")}`)
    }
  }

  #ended(exit: ExitRecord): void {
    const live = this.#live.get(exit.id)
    if (!live) {
      if (!exit.execId) this.#early.set(exit.id, exit)
      return
    }
    if (exit.execId) {
      if (live.execExits.has(exit.execId)) return
      live.execExits.set(exit.execId, exit)
      for (const resolve of live.execWaiters.get(exit.execId) ?? []) resolve(exit)
      live.execWaiters.delete(exit.execId)
    } else {
      if (live.exit) return
      live.exit = exit
      live.status = "stopped"
      for (const resolve of live.waiters.splice(0)) resolve(exit)
    }
    for (const listener of this.#listeners) {
      listener(live.holdings.namespace, { ...exit, id: live.holdings.containerId })
    }
  }

  /** After a new connection to the shim: exits that were missed, and tasks that nobody can tell of any more. */
  #reconnected(known: ReadonlySet<string>, exits: readonly ExitRecord[]): void {
    for (const exit of exits) this.#ended(exit)
    for (const live of this.#live.values()) {
      if (live.status === "stopped" || known.has(live.key)) continue
      this.#ended({ id: live.key, pid: live.pid, at: (BigInt(Date.now()) * 1_000_000n).toString(), oomKilled: false })
    }
  }

  #require(scope: Scope, containerId: string): Live {
    const live = this.#live.get(keyOf(scope, containerId))
    if (!live) throw new Failure("notFound", `no running task for container ${containerId}`)
    return live
  }

  #running(scope: Scope, containerId: string): Live {
    const live = this.#require(scope, containerId)
    if (live.status === "stopped") throw new Failure("conflict", `container ${containerId} is not running`)
    return live
  }

  /** The point the root was mounted on goes first: while it is mounted on, the kernel refuses, and no file of a container is deleted. */
  async #removeBundle(bundle: Bundle): Promise<void> {
    try {
      rmdirSync(bundle.rootfs)
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") throw error
    }
    await this.#with.blocking.removeTree(bundle.path)
  }

  #bundle(scope: Scope, containerId: string): Bundle {
    return new Bundle(join(this.#bundleRoot, scope.namespace, containerId))
  }

  get #bundleRoot(): string {
    return join(this.#with.runRoot, "bundles")
  }

  get #stateRoot(): string {
    return join(this.#with.runRoot, "runtime")
  }
}

/** Runs `work` as a step of core's layer. */
const step = <T>(scope: Scope, name: string, work: (span: Span) => Promise<T> | T): Promise<T> =>
  scope.span.step(name, work, "core")

const noLog: LogConfig = { format: "none", path: "", maxSize: 0, maxFiles: 0 }

/** Shim and runtime know tasks of all namespaces: the Docker API's by their bare ID, others with their namespace before it. */
const keyOf = (scope: Scope, containerId: string): string =>
  scope.namespace === "moby" ? containerId : `${scope.namespace}.${containerId}`

const asTask = (live: Live): Task => ({
  containerId: live.holdings.containerId,
  pid: live.pid,
  status: live.status,
  startedAt: live.startedAt,
  ...(live.exit ? { exit: live.exit } : {}),
})

/**
 * Removes the group of a task that did not come to be, with what is in it: a runtime whose shim was killed goes on, and may
 * put its container there at any moment.
 */
async function removeWithContents(cgroup: Cgroup): Promise<void> {
  const kill = () => {
    if (cgroup.exists()) cgroup.kill()
  }
  kill()
  const again = setInterval(kill, 20)
  try {
    await cgroup.remove()
  } finally {
    clearInterval(again)
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Failure && error.kind === "notFound")) throw error
}

function sendSignal(pid: number, signal: number): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended meanwhile.
  }
}
