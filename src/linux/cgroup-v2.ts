import { existsSync } from "node:fs"
import { dirname } from "node:path"
import { Failure } from "../errors/failure.ts"
import type { Resources } from "../oci/runtime-spec.ts"
import type { Cgroup, CgroupStats } from "./cgroup-contract.ts"
import {
  killAll,
  makeGroup,
  pidsIn,
  readControl,
  readCount,
  readTable,
  removeGroup,
  until,
  writeControl,
} from "./cgroup-files.ts"
import { writeUnifiedLimits } from "./cgroup-v2-limits.ts"

/** A container's group on a host with cgroup v2 alone. The OCI runtime makes it, since it attaches the device program (eBPF). */
export class CgroupV2 implements Cgroup {
  readonly path: string
  readonly joinFiles: readonly string[]
  readonly oomFile: string
  readonly #root: string
  readonly #directory: string

  constructor(root: string, path: string) {
    this.path = path
    this.#root = root
    this.#directory = root + path
    this.joinFiles = [`${this.#directory}/cgroup.procs`]
    this.oomFile = `${this.#directory}/memory.events`
  }

  /** Makes the parents and hands them the root's controllers; the group itself, its limits and device rules are the runtime's to make. */
  create(_resources: Resources): void {
    const parent = dirname(this.#directory)
    makeGroup(parent)
    // What an earlier run left behind may be frozen: a process that joins it would stop for good.
    if (existsSync(this.#directory)) writeControl(`${this.#directory}/cgroup.freeze`, "0")
    const wanted = (readControl(`${this.#root}/cgroup.controllers`) ?? "").split(" ").filter(Boolean)
    const levels = this.path.split("/").slice(1, -1)
    for (let depth = 0; depth <= levels.length; depth++) {
      const group = [this.#root, ...levels.slice(0, depth)].join("/")
      const enabled = new Set((readControl(`${group}/cgroup.subtree_control`) ?? "").split(" "))
      for (const controller of wanted) if (!enabled.has(controller)) this.#delegate(group, controller)
    }
  }

  /** A controller that cannot be handed on (realtime tasks hold `cpu`, say) is left out; the runtime names it when a limit needs it. */
  #delegate(group: string, controller: string): void {
    try {
      writeControl(`${group}/cgroup.subtree_control`, `+${controller}`)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === "EBUSY" && group !== this.#root && pidsIn(group).length > 0)
        throw new Failure(
          "conflict",
          `the control group ${group} holds processes itself, so it cannot be the parent of containers; choose another --cgroup-parent`,
          error,
        )
    }
  }

  update(resources: Resources): void {
    writeUnifiedLimits(this.#directory, resources)
  }

  stats(): CgroupStats {
    const at = this.#directory
    const cpu = readTable(`${at}/cpu.stat`)
    const usage = readCount(`${at}/memory.current`)
    const current = readCount(`${at}/pids.current`)
    const io = readControl(`${at}/io.stat`)
    const optional = (key: string, value: bigint | undefined) => (value === undefined ? {} : { [key]: value })
    return {
      ...(cpu["usage_usec"] !== undefined && {
        cpu: {
          usage: cpu["usage_usec"] * 1000n,
          user: (cpu["user_usec"] ?? 0n) * 1000n,
          system: (cpu["system_usec"] ?? 0n) * 1000n,
          ...(cpu["nr_periods"] !== undefined && {
            periods: cpu["nr_periods"],
            throttledPeriods: cpu["nr_throttled"] ?? 0n,
            throttledTime: (cpu["throttled_usec"] ?? 0n) * 1000n,
          }),
        },
      }),
      ...(usage !== undefined && {
        memory: {
          usage,
          ...optional("maxUsage", readCount(`${at}/memory.peak`)),
          ...optional("limit", readCount(`${at}/memory.max`)),
          ...optional("failcnt", readTable(`${at}/memory.events`)["max"]),
          stats: readTable(`${at}/memory.stat`),
        },
      }),
      ...(current !== undefined && { pids: { current, ...optional("limit", readCount(`${at}/pids.max`)) } }),
      ...(io !== undefined && { io: parseIoStat(io) }),
    }
  }

  pids(): readonly number[] {
    return pidsIn(this.#directory)
  }

  async freeze(): Promise<void> {
    await this.#setFrozen("1")
  }

  async thaw(): Promise<void> {
    await this.#setFrozen("0")
  }

  async #setFrozen(value: "0" | "1"): Promise<void> {
    writeControl(`${this.#directory}/cgroup.freeze`, value)
    const reached = () => String(readTable(`${this.#directory}/cgroup.events`)["frozen"]) === value
    await until(reached, `${value === "1" ? "freezing" : "thawing"} ${this.path}`)
  }

  frozen(): boolean {
    return readTable(`${this.#directory}/cgroup.events`)["frozen"] === 1n
  }

  kill(): void {
    try {
      writeControl(`${this.#directory}/cgroup.kill`, "1")
    } catch {
      // Before Linux 5.14 there is no such file.
      killAll(this.pids())
    }
  }

  oomKills(): number {
    return Number(readTable(this.oomFile)["oom_kill"] ?? 0n)
  }

  async remove(): Promise<void> {
    await removeGroup(this.#directory)
  }

  exists(): boolean {
    return existsSync(this.#directory)
  }
}

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6` lines as operations per device. */
export function parseIoStat(text: string): NonNullable<CgroupStats["io"]> {
  return text
    .split("\n")
    .filter(Boolean)
    .flatMap((line) => {
      const [device, ...pairs] = line.split(" ")
      const [major, minor] = device!.split(":").map(Number)
      const value = new Map(pairs.map((pair) => pair.split("=") as [string, string]))
      const of = (op: string, bytes: string, operations: string) => ({
        major: major!,
        minor: minor!,
        op,
        bytes: BigInt(value.get(bytes) ?? 0),
        operations: BigInt(value.get(operations) ?? 0),
      })
      return [of("Read", "rbytes", "rios"), of("Write", "wbytes", "wios")]
    })
}
