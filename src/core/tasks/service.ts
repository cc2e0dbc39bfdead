import { join } from "node:path"
import { Failure, isKind } from "../../errors/failure.ts"
import type { CgroupStats } from "../../linux/cgroup-contract.ts"
import type { Process, Resources, RuntimeSpec } from "../../oci/runtime-spec.ts"
import { makeRestorable } from "../../runtime/criu-options.ts"
import type {
  AttachOptions,
  AttachStream,
  ExecStart,
  ExitRecord,
  IoConfig,
  LogConfig,
  RunRequest,
} from "../../shim/contract.ts"
import { KeyedMutex, Semaphore } from "../../std/semaphore.ts"
import type { Span } from "../../trace/span.ts"
import { keyOf, type Scope } from "../scope.ts"
import { Bundle, type TaskHoldings } from "./bundle.ts"
import { carriedMounts } from "./carried-mounts.ts"
import { bundleRootOf, stateRootOf, type TaskCollaborators } from "./collaborators.ts"
import type { CheckpointOptions, SignalFate, Task, TaskRequest, TaskService, ViewMount } from "./contract.ts"
import { TaskEvents } from "./events.ts"
import { freeTask, ignoreMissing } from "./free.ts"
import { Freezing } from "./freezing.ts"
import { JoinedStarts } from "./joined-starts.ts"
import { asTask, endOf, endOfExec, type LiveTask, LiveTasks } from "./live.ts"
import { prepareMountPoints } from "./mount-points.ts"
import { canTakeOver, mountRoot } from "./mounted-root.ts"
import { recoverTasks } from "./recover.ts"
import { TaskRoots } from "./roots.ts"
import { lookForSignal } from "./signals.ts"

/** Tasks of one daemon: bundles and mounts here, processes in the shim. */
export class Tasks implements TaskService {
  readonly #with: TaskCollaborators
  readonly #live = new LiveTasks()
  readonly #starts: Semaphore
  readonly #roots: TaskRoots
  readonly #perTask = new KeyedMutex()
  readonly #freezing = new Freezing()
  readonly #joinedStarts = new JoinedStarts(this.#live, this.#freezing)
  readonly #events: TaskEvents

  constructor(collaborators: TaskCollaborators) {
    this.#with = collaborators
    this.#roots = new TaskRoots(collaborators, this.#live, this.#perTask, (scope, id) => this.#bundle(scope, id))
    this.#starts = new Semaphore(collaborators.startsAtOnce)
    this.#events = new TaskEvents(collaborators.events)
    this.#live.onExit((namespace, exit) => this.#events.ended(namespace, exit))
    collaborators.shim.on((event) => {
      if (event.type === "exit") this.#live.ended(event.exit)
      else if (event.type === "reconnected") this.#live.reconnected(event.tasks)
    })
  }

  onExit(listener: (namespace: string, exit: ExitRecord) => void): void {
    this.#live.onExit(listener)
  }

  async open(scope: Scope, containerId: string, io: IoConfig, log: LogConfig): Promise<void> {
    const key = keyOf(scope, containerId)
    await this.#perTask.run(key, async () => {
      const ended = this.#live.get(key)
      if (ended?.status === "stopped") {
        // Who was quicker than the clean-up after the last run does it.
        await this.drained(scope, containerId)
        await this.#free(scope, ended)
      }
      await this.#with.shim.open(key, io, log).catch((error) => {
        // Another client attached before.
        if (!isKind(error, "alreadyExists") || this.#live.has(key)) throw error
      })
    })
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
    const before = this.#live.get(key)
    if (before && before.status !== "stopped")
      throw new Failure("alreadyExists", `task ${request.containerId} exists already`)
    const driver = this.#with.runtime(request.runtime)
    const cgroupPath = join("/", request.cgroupParent ?? this.#with.cgroupParent, key)
    const cgroup = this.#with.cgroup(cgroupPath)
    const cgroupByUs = cgroup.joinFiles.length > 0 && driver.info.cgroupsByUs
    const bundle = this.#bundle(scope, request.containerId)
    const holdings: TaskHoldings = {
      owner: request.owner,
      namespace: scope.namespace,
      containerId: request.containerId,
      ...(request.snapshotKey ? { snapshotKey: request.snapshotKey } : {}),
      ...(request.rootfs ? { foreignRoot: request.rootfs } : {}),
      ephemeral: request.ephemeral,
      runtime: driver.info.name,
      cgroupPath,
      cgroupByUs,
    }
    const live: LiveTask = {
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
    const rootStays = before !== undefined && canTakeOver(before, request)
    if (before) await this.#free(scope, before, { rootStays })
    this.#live.dropEarly(key)
    try {
      bundle.create(holdings)
      if (request.snapshotKey && !rootStays)
        await mountRoot(this.#with, scope, request.snapshotKey, bundle.rootfs, { ephemeral: request.ephemeral })
      const root = request.rootfs ?? bundle.rootfs
      const { spec, carried } = await step(scope, "spec", async (span) => {
        const spec = await request.spec(root, span)
        spec.root.path = root
        spec.linux.cgroupsPath = cgroupPath
        await prepareMountPoints(root, spec)
        if (cgroupByUs) {
          cgroup.create(spec.linux.resources ?? {})
          span.set({ cgroup: cgroupPath, hierarchies: cgroup.joinFiles.length })
        }
        if (request.checkpoint) makeRestorable(spec, bundle.path)
        bundle.writeSpec(spec)
        span.set({
          namespaces: spec.linux.namespaces.map((each) => each.type).join(" "),
          mounts: spec.mounts.length,
        })
        // CRIU looks for what it restores in the mounts of the host.
        const carried = request.checkpoint ? undefined : carriedMounts(spec, this.#with.launchSight)
        return { spec, carried }
      })
      await this.#joinedStarts.run(spec, cgroupPath, async (guard) => {
        const { pid } = await this.#launch(scope, live, request, {
          ...(carried ? { carriedMounts: carried } : {}),
          ...(guard ? { guard } : {}),
        })
        const limits = spec.linux.resources
        if (cgroupByUs && limits?.pids) cgroup.update({ pids: limits.pids })
        live.pid = pid
        live.startedAt = scope.span.now()
        live.status = "running"
        this.#live.add(live)
        // Before anything is awaited: its end may be told at any moment from now on.
        this.#events.started(scope, live, request)
      })
    } catch (error) {
      await freeTask(this.#with, scope, live).catch(() => {})
      throw error
    }
    this.#live.tellEarly(key)
    return asTask(live)
  }

  /** Has the shim start a task's init. */
  async #launch(
    scope: Scope,
    { key, bundle, driver, holdings, cgroup }: LiveTask,
    { io, log, checkpoint }: TaskRequest,
    more: Pick<RunRequest, "carriedMounts" | "guard">,
  ): Promise<{ readonly pid: number }> {
    const { shim } = this.#with
    const run: RunRequest = {
      id: key,
      bundle: bundle.path,
      runtime: driver.info,
      stateRoot: stateRootOf(this.#with),
      io,
      log,
      cgroup: holdings.cgroupByUs ? { kind: "join", files: cgroup.joinFiles } : { kind: "runtime" },
      ...more,
      ...(cgroup.oomFile ? { oomFile: cgroup.oomFile } : {}),
    }
    try {
      return await step(scope, "start", (span) =>
        checkpoint ? shim.restore({ ...run, checkpoint }, span) : shim.run(run, span),
      )
    } catch (error) {
      // A shim that was killed has left tasks frozen. The next one thaws them before it answers.
      if (more.guard) await shim.tasks()
      throw error
    }
  }

  async get(scope: Scope, containerId: string): Promise<Task> {
    return asTask(this.#live.require(scope, containerId))
  }

  find(scope: Scope, containerId: string): Task | undefined {
    const live = this.#live.get(keyOf(scope, containerId))
    return live && asTask(live)
  }

  async spec(scope: Scope, containerId: string): Promise<RuntimeSpec> {
    return this.#live.require(scope, containerId).bundle.spec()
  }

  async list(scope: Scope): Promise<readonly Task[]> {
    return this.#live
      .all()
      .filter((live) => live.holdings.namespace === scope.namespace)
      .map(asTask)
  }

  owned(owner: string): readonly { readonly namespace: string; readonly containerId: string }[] {
    return this.#live
      .all()
      .filter(({ holdings }) => holdings.owner === owner)
      .map(({ holdings: { namespace, containerId } }) => ({ namespace, containerId }))
  }

  async kill(
    scope: Scope,
    containerId: string,
    signal: number,
    options: { readonly all?: boolean; readonly execId?: string } = {},
  ): Promise<void> {
    const live = this.#live.require(scope, containerId)
    if (live.status === "stopped" && !options.all) throw new Failure("notFound", `process of ${containerId} has ended`)
    if (options.all) {
      if (signal === 9) live.cgroup.kill()
      else for (const pid of live.cgroup.pids()) sendSignal(pid, signal)
      return
    }
    await this.#with.shim.kill(live.key, signal, options.execId)
  }

  async signal(scope: Scope, containerId: string, signal: number): Promise<SignalFate> {
    const { pid } = this.#live.require(scope, containerId)
    const before = lookForSignal(pid, signal)
    await this.kill(scope, containerId, signal)
    if (!before.deaf) return { lost: false, why: before.why }
    const after = lookForSignal(pid, signal)
    if (!after.deaf) return { lost: false, why: after.why }
    return after.marks === before.marks
      ? { lost: true, why: before.why }
      : { lost: false, why: "the process was at work when the signal came" }
  }

  async wait(scope: Scope, containerId: string): Promise<ExitRecord> {
    return await endOf(this.#live.require(scope, containerId))
  }

  async pause(scope: Scope, containerId: string): Promise<void> {
    await this.#freezing.pause(this.#live.running(scope, containerId))
    this.#events.paused(scope, containerId)
  }

  async resume(scope: Scope, containerId: string): Promise<void> {
    await this.#freezing.resume(this.#live.running(scope, containerId))
    this.#events.resumed(scope, containerId)
  }

  async checkpoint(scope: Scope, containerId: string, options: CheckpointOptions): Promise<void> {
    const live = this.#live.running(scope, containerId)
    // CRIU freezes its processes, and thaws them.
    await this.#freezing.only([live], () =>
      step(scope, "checkpoint", (span) => this.#with.shim.checkpoint({ id: live.key, ...options }, span)),
    )
    this.#events.checkpointed(scope, containerId, options.directory)
  }

  async update(scope: Scope, containerId: string, resources: Resources): Promise<void> {
    this.#live.running(scope, containerId).cgroup.update(resources)
  }

  stats(scope: Scope, containerId: string): CgroupStats {
    return this.#live.require(scope, containerId).cgroup.stats()
  }

  pids(scope: Scope, containerId: string): readonly number[] {
    return this.#live.require(scope, containerId).cgroup.pids()
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
    const live = this.#live.running(scope, containerId)
    await this.#with.shim.open(live.key, io, noLog, execId)
    this.#events.execAdded(scope, containerId, execId)
  }

  async exec(
    scope: Scope,
    containerId: string,
    execId: string,
    process: Process,
    io: IoConfig,
  ): Promise<{ readonly pid: number }> {
    const live = this.#live.running(scope, containerId)
    const processFile = live.bundle.writeProcess(execId, process)
    const order: ExecStart = {
      id: live.key,
      execId,
      runtime: live.driver.info,
      stateRoot: stateRootOf(this.#with),
      processFile,
      io,
      cgroup: live.holdings.cgroupByUs ? { kind: "join", files: live.cgroup.joinFiles } : { kind: "runtime" },
      cgroupFiles: live.cgroup.joinFiles,
    }
    const started = this.#events.startingExec(scope, containerId, execId, () =>
      step(scope, "exec", (span) => this.#with.shim.exec(order, span)),
    )
    return await started.finally(() => live.bundle.dropProcess(processFile))
  }

  async waitExec(scope: Scope, containerId: string, execId: string): Promise<ExitRecord> {
    return await endOfExec(this.#live.require(scope, containerId), execId)
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
    return await this.#roots.use(scope, containerId, snapshotKey, work)
  }

  async withMountedRoot<T>(
    scope: Scope,
    containerId: string,
    snapshotKey: string,
    mounts: (root: string, show: (view: ViewMount) => void) => Promise<void>,
    work: (root: string) => Promise<T>,
  ): Promise<T> {
    return await this.#roots.useWithMounts(scope, containerId, snapshotKey, mounts, work)
  }

  async recover(scopeOf: (namespace: string) => Scope): Promise<void> {
    await recoverTasks(this.#with, this.#live, scopeOf)
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
    })
  }

  async #free(scope: Scope, live: LiveTask, options: { readonly rootStays?: boolean } = {}): Promise<void> {
    await freeTask(this.#with, scope, live, options)
    this.#live.remove(live.key)
    this.#events.deleted(scope, live)
  }

  #bundle(scope: Scope, containerId: string): Bundle {
    return new Bundle(join(bundleRootOf(this.#with), scope.namespace, containerId))
  }
}

/** Runs `work` as a step of core's layer. */
const step = <T>(scope: Scope, name: string, work: (span: Span) => Promise<T> | T): Promise<T> =>
  scope.span.step(name, work, "core")

const noLog: LogConfig = { format: "none", path: "", maxSize: 0, maxFiles: 0 }

function sendSignal(pid: number, signal: number): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended meanwhile.
  }
}
