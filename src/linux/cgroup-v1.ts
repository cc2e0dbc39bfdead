import { existsSync } from "node:fs"
import { dirname } from "node:path"
import { Failure } from "../errors/failure.ts"
import type { Resources } from "../oci/runtime-spec.ts"
import type { Hierarchy } from "./cgroup.ts"
import type { Cgroup, CgroupStats } from "./cgroup-contract.ts"
import {
  killAll,
  makeGroup,
  pidsIn,
  readControl,
  readTable,
  removeGroup,
  tryRemove,
  until,
  writeControl,
} from "./cgroup-files.ts"
import { writeDeviceRules, writeLimits } from "./cgroup-v1-limits.ts"
import { readStats } from "./cgroup-v1-stats.ts"

/** A container's group in every mounted v1 hierarchy. Used for legacy and hybrid hosts. */
export class CgroupV1 implements Cgroup {
  readonly path: string
  readonly joinFiles: readonly string[]
  readonly oomFile?: string
  /** Each hierarchy's directory of this group. */
  readonly #groups: readonly { readonly hierarchy: Hierarchy; readonly directory: string }[]
  /** Where runtimes that make groups themselves (runc) also make one on a hybrid host: not used, but removed. */
  readonly #unified: string | undefined

  constructor(hierarchies: readonly Hierarchy[], unified: string | undefined, path: string) {
    this.path = path
    this.#unified = unified && unified + path
    this.#groups = hierarchies.map((hierarchy) => ({ hierarchy, directory: hierarchy.mountPoint + path }))
    this.joinFiles = this.#groups.map((group) => `${group.directory}/tasks`)
    const memory = this.#directory("memory")
    if (memory) this.oomFile = `${memory}/memory.oom_control`
  }

  #directory(controller: string): string | undefined {
    return this.#groups.find((group) => group.hierarchy.controllers.includes(controller))?.directory
  }

  create(resources: Resources): void {
    const made: string[] = []
    try {
      for (const { hierarchy, directory } of this.#groups) {
        const fresh = makeGroup(directory)
        made.push(...fresh.slice(-1))
        if (hierarchy.controllers.includes("cpuset")) inheritCpuset(directory, hierarchy.mountPoint)
      }
      // What an earlier run left behind may be frozen: a process that joins it would stop for good.
      const freezer = this.#directory("freezer")
      if (freezer) writeControl(`${freezer}/freezer.state`, "THAWED")
      if (resources.devices) this.#allowDevices(resources)
      writeLimits((controller) => this.#directory(controller), roomForRuntime(resources))
    } catch (error) {
      for (const directory of made) tryRemove(directory)
      throw error
    }
  }

  #allowDevices(resources: Resources): void {
    const directory = this.#directory("devices")
    if (!directory)
      throw new Failure(
        "unavailable",
        "this host has no devices control group, so access to devices cannot be limited; mount it, or run the container with --privileged",
      )
    writeDeviceRules(directory, resources.devices ?? [])
  }

  update(resources: Resources): void {
    if (resources.devices) this.#allowDevices(resources)
    writeLimits((controller) => this.#directory(controller), resources)
  }

  stats(): CgroupStats {
    return readStats((controller) => this.#directory(controller))
  }

  pids(): readonly number[] {
    const group = this.#directory("pids") ?? this.#directory("memory") ?? this.#groups[0]?.directory
    return group ? pidsIn(group) : []
  }

  async freeze(): Promise<void> {
    const file = this.#freezerFile()
    let attempts = 0
    writeControl(file, "FROZEN")
    await until(() => {
      if (readControl(file) === "FROZEN") return true
      // A process that replaces its program waits for its other threads, and those may be frozen already: let them go
      // on for a moment. Later attempts come after longer pauses.
      if (++attempts % 3 === 0) writeControl(file, "THAWED")
      else writeControl(file, "FROZEN")
      return false
    }, `freezing ${this.path}`).catch((error) => {
      writeControl(file, "THAWED")
      throw error
    })
  }

  async thaw(): Promise<void> {
    const file = this.#freezerFile()
    writeControl(file, "THAWED")
    await until(() => readControl(file) === "THAWED", `thawing ${this.path}`)
  }

  #freezerFile(): string {
    const directory = this.#directory("freezer")
    if (!directory)
      throw new Failure("unavailable", "this host has no freezer control group, so containers cannot be paused")
    return `${directory}/freezer.state`
  }

  frozen(): boolean {
    const directory = this.#directory("freezer")
    return directory !== undefined && readControl(`${directory}/freezer.state`) === "FROZEN"
  }

  kill(): void {
    const freezer = this.#directory("freezer")
    const state = freezer === undefined || !existsSync(freezer) ? undefined : `${freezer}/freezer.state`
    // Frozen processes cannot fork away from the list that is being read; the signals take effect when they thaw.
    if (state) writeControl(state, "FROZEN")
    killAll(this.pids())
    if (state) writeControl(state, "THAWED")
  }

  oomKills(): number {
    return this.oomFile ? Number(readTable(this.oomFile)["oom_kill"] ?? 0n) : 0
  }

  async remove(): Promise<void> {
    await Promise.all(this.#directories.map((directory) => removeGroup(directory)))
  }

  exists(): boolean {
    return this.#directories.some((directory) => existsSync(directory))
  }

  get #directories(): readonly string[] {
    return [...this.#groups.map((group) => group.directory), ...(this.#unified ? [this.#unified] : [])]
  }
}

/** The processes that an OCI runtime needs inside the group to start a container; they are gone when it runs. */
const startingProcesses = 4

/** A pids limit too low for the start is raised; `update` sets it when the container runs. */
function roomForRuntime(resources: Resources): Resources {
  const limit = resources.pids?.limit ?? 0
  return limit > 0 && limit < startingProcesses ? { ...resources, pids: { limit: startingProcesses } } : resources
}

/** A new cpuset group has no CPUs and no memory nodes, and nobody can join it: it gets its parent's, from the root down. */
function inheritCpuset(directory: string, root: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"])
    if (!readControl(`${directory}/${file}`)) inherit(directory, file, root)
}

function inherit(directory: string, file: string, root: string): string {
  const own = readControl(`${directory}/${file}`) ?? ""
  if (own !== "" || directory === root) return own
  const value = inherit(dirname(directory), file, root)
  writeControl(`${directory}/${file}`, value)
  return value
}
