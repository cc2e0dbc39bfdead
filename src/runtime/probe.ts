import { accessSync, constants } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { type CgroupHost, detectCgroups } from "../linux/cgroup.ts"
import { capture } from "../linux/spawn.ts"
import type { RuntimeInfo } from "./contract.ts"
import type { Criu } from "./criu.ts"
import { launch, runtimeEnvironment } from "./launch.ts"

/** A runtime given with `--add-runtime NAME=PATH` or in the configuration file. */
export interface ConfiguredRuntime {
  readonly name: string
  readonly path: string
  readonly args?: readonly string[]
}

export interface Runtimes {
  /** Every usable runtime by name. */
  readonly all: ReadonlyMap<string, RuntimeInfo>
  readonly default: RuntimeInfo
}

/**
 * Finds the OCI runtimes of this host and learns what they can do: crun first, runc second, then those configured. Where
 * checkpoints are wanted and nobody named a default, one that can make them goes before those that cannot.
 * @throws unavailable when there is none, or the wanted default is not among them
 */
export async function probeRuntimes(
  options: {
    readonly configured?: readonly ConfiguredRuntime[]
    readonly default?: string
    readonly host?: CgroupHost
    /** What checkpoints are made with; absent when none are wanted. */
    readonly criu?: Criu
  } = {},
): Promise<Runtimes> {
  const host = options.host ?? detectCgroups()
  const all = new Map<string, RuntimeInfo>()
  const refusals: string[] = []
  for (const name of ["crun", "runc"]) {
    const path = find(name)
    if (!path) refusals.push(`${name} is not installed`)
    else {
      const found = await learn({ name, path }, host)
      if (typeof found === "string") refusals.push(found)
      else all.set(name, { ...found, reason: [...refusals, found.reason].filter(Boolean).join("; ") })
    }
  }
  for (const one of options.configured ?? []) {
    const found = await learn(one, host)
    if (typeof found === "string") refusals.push(found)
    else all.set(one.name, found)
  }
  const wanted = options.default ?? all.keys().next().value
  const chosen = wanted === undefined ? undefined : all.get(wanted)
  if (chosen && options.criu && !options.default) return await withCheckpoints(all, chosen, options.criu)
  if (chosen) return { all, default: chosen }
  throw new Failure(
    "unavailable",
    wanted === undefined || options.default === undefined
      ? `no OCI runtime can be used: ${refusals.join("; ")}; install crun or runc`
      : `the default runtime ${wanted} cannot be used${refusals.length ? `: ${refusals.join("; ")}` : ""}; install it or choose another with --default-runtime`,
  )
}

/** The same runtimes, and as default one that can make checkpoints if there is one and CRIU works here; with the reason. */
async function withCheckpoints(all: Map<string, RuntimeInfo>, first: RuntimeInfo, criu: Criu): Promise<Runtimes> {
  const chosen = first.checkpoints ? first : [...all.values()].find((each) => each.checkpoints)
  const fault = chosen ? await criu.fault() : "no OCI runtime here can make them; install runc"
  const why = fault
    ? `no checkpoints: ${fault}`
    : chosen === first
      ? ""
      : `the default for the sake of checkpoints, which ${first.name} cannot make`
  const taken = (!fault && chosen) || first
  const told = { ...taken, reason: [taken.reason, why].filter(Boolean).join("; ") }
  all.set(told.name, told)
  return { all, default: told }
}

/** What Docker calls runc by the name of containerd's shim for it. */
const shimName = "io.containerd.runc.v2"

/** The same runtimes, and one more name for runc, or for the default where there is none: clients may ask for Docker's own. */
export function withShimName(runtimes: Runtimes): Runtimes {
  if (runtimes.all.has(shimName)) return runtimes
  const runc = runtimes.all.get("runc") ?? runtimes.default
  return { ...runtimes, all: new Map([...runtimes.all, [shimName, { ...runc, name: shimName }]]) }
}

function find(name: string): string | undefined {
  for (const directory of runtimeEnvironment.PATH.split(":")) {
    const path = `${directory}/${name}`
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  return undefined
}

/** @returns what it is, or why it cannot be used */
async function learn(one: ConfiguredRuntime, host: CgroupHost): Promise<RuntimeInfo | string> {
  const args = one.args ?? []
  const asked = await ask([one.path, ...args, "--version"])
  if (asked === undefined) return `${one.name}: ${one.path} cannot be executed`
  const family = /^crun version/m.test(asked) ? "crun" : /^runc version/m.test(asked) ? "runc" : "other"
  const version = /version:? v?(\S+)/.exec(asked)?.[1] ?? "unknown"
  const info = { name: one.name, path: one.path, args, family, version, hideUnified: false, reason: "" } as const
  // crun has it where it was built with CRIU's library, but has never been tried with it here.
  const checkpoints = family === "runc"
  if (family !== "crun") return { ...info, cgroupsByUs: false, seccompBpf: false, checkpoints }
  const cgroupsByUs = host.mode !== "unified"
  const seccompBpf = /\+SECCOMP/.test(asked) && atLeast(version, [1, 0])
  const hideUnified = refusedByCrun(host)
  const crun: RuntimeInfo = { ...info, cgroupsByUs, seccompBpf, hideUnified, checkpoints }
  if (!hideUnified) return crun
  const controllers = host.unifiedControllers.join(", ")
  if (host.unified !== "/sys/fs/cgroup/unified")
    return `${one.name} refuses hosts with v1 control groups and controllers on v2 (${controllers})`
  using start = launch({ hideUnified, cgroup: { kind: "runtime" } }, [one.path, "--version"])
  const hidden = await ask(start.command)
  if (hidden === undefined)
    return `${one.name} refuses hosts with v1 control groups and controllers on v2 (${controllers}), and the v2 mount could not be hidden from it`
  return {
    ...crun,
    reason: `this host has both versions of control groups, v2 with controllers of its own (${controllers}), which ${one.name} refuses: the v2 hierarchy is hidden from it, and v1 is used; nothing needs to be done`,
  }
}

/** Whether crun refuses the host for its control groups, unless it does not see those of v2. */
export const refusedByCrun = (host: CgroupHost): boolean => host.mode === "hybrid" && host.unifiedControllers.length > 0

/** What a program prints, or undefined when it cannot be started or fails. */
async function ask(command: readonly string[]): Promise<string | undefined> {
  try {
    const { exitCode, output } = await capture({ command, env: runtimeEnvironment })
    return exitCode === 0 ? output : undefined
  } catch {
    return undefined
  }
}

const atLeast = (version: string, [major, minor]: readonly [number, number]): boolean => {
  const [own = 0, ownMinor = 0] = version.split(".").map(Number)
  return own > major || (own === major && ownMinor >= minor)
}
