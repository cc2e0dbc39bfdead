import { messageOf } from "../../../errors/failure.ts"
import { parseRestart } from "../../../flag-values/limits.ts"
import { atLeast, command, Exit } from "../../command.ts"
import { text } from "../../flags/flag.ts"
import { bytes, int64, swapBytes, uint16 } from "../../flags/numbers.ts"
import { decimal } from "../../run/limit-flags.ts"

export const update = command({
  use: "update [OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "containers",
  flags: {
    "blkio-weight": uint16("", "Block IO (relative weight), between 10 and 1000, or 0 to disable"),
    "cpu-period": int64("", "Limit CPU CFS (Completely Fair Scheduler) period"),
    "cpu-quota": int64("", "Limit CPU CFS (Completely Fair Scheduler) quota"),
    "cpu-rt-period": int64("", "Limit the CPU real-time period in microseconds"),
    "cpu-rt-runtime": int64("", "Limit the CPU real-time runtime in microseconds"),
    "cpu-shares": int64("c", "CPU shares (relative weight)"),
    cpus: decimal("", "Number of CPUs"),
    "cpuset-cpus": text("", "CPUs in which to allow execution (0-3, 0,1)"),
    "cpuset-mems": text("", "MEMs in which to allow execution (0-3, 0,1)"),
    "kernel-memory": bytes("", "Kernel memory limit (deprecated)", { hidden: true }),
    memory: bytes("m", "Memory limit"),
    "memory-reservation": bytes("", "Memory soft limit"),
    "memory-swap": swapBytes("", "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
    "pids-limit": int64("", "Tune container pids limit (set -1 for unlimited)"),
    restart: text("", "Restart policy to apply when a container exits"),
  },
  run: async ({ args, flags, given, docker, out }) => {
    if (given.size === 0) throw new Exit(1, "you must provide one or more flags when using this command")
    const body = {
      BlkioWeight: flags["blkio-weight"],
      CpuPeriod: flags["cpu-period"],
      CpuQuota: flags["cpu-quota"],
      CpuRealtimePeriod: flags["cpu-rt-period"],
      CpuRealtimeRuntime: flags["cpu-rt-runtime"],
      CpuShares: flags["cpu-shares"],
      NanoCpus: flags.cpus,
      CpusetCpus: flags["cpuset-cpus"],
      CpusetMems: flags["cpuset-mems"],
      Memory: flags.memory,
      MemoryReservation: flags["memory-reservation"],
      MemorySwap: flags["memory-swap"],
      ...(flags["pids-limit"] ? { PidsLimit: flags["pids-limit"] } : {}),
      ...(flags.restart ? { RestartPolicy: parseRestart(flags.restart) } : {}),
    }
    const warnings: string[] = []
    const failures: string[] = []
    for (const name of args) {
      try {
        const answer = await docker.containers.update(name, body)
        out.line(name)
        warnings.push(...(answer.Warnings ?? []))
      } catch (error) {
        failures.push(messageOf(error))
      }
    }
    if (warnings.length > 0) out.line(warnings.join("\n"))
    if (failures.length > 0) throw new Exit(1, failures.join("\n"))
  },
})
