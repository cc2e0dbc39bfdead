import { expect, test } from "bun:test"
import { someConfig, someHost } from "../../../../test/fixtures/container-config.ts"
import type { HealthConfig, HostConfig } from "../../../api/container-config.ts"
import { limitsOf } from "./limits.ts"
import { validateContainer } from "./validate.ts"

const features = {
  memory: true,
  swap: true,
  memoryReservation: true,
  memorySwappiness: true,
  kernelMemoryTcp: true,
  oomKillDisable: true,
  cpuShares: true,
  cpuCfs: true,
  cpuRealtime: true,
  cpuset: true,
  pids: true,
  blkioWeight: true,
  blkioWeightDevice: true,
  blkioThrottle: true,
  devices: true,
  freezer: true,
  cpus: "0-1",
  mems: "0",
}
const facts = {
  features,
  cpus: 2,
  cgroupMode: "hybrid",
  runtimes: new Set(["crun", "runc"]),
  defaultRuntime: "crun",
} as const
const megabyte = 1024 * 1024
const check = (host: Partial<HostConfig>, config: Parameters<typeof someConfig>[0] = { Hostname: "" }) =>
  validateContainer(someConfig(config), someHost(host), facts)

const refusals: [what: Partial<HostConfig>, words: string][] = [
  [{ Memory: 4 * megabyte }, "Minimum memory limit allowed is 6MB"],
  [{ Memory: 64 * megabyte, MemorySwap: 32 * megabyte }, "Minimum memoryswap limit should be larger than memory limit"],
  [{ MemorySwap: 32 * megabyte }, "You should always set the Memory limit when using Memoryswap limit, see usage"],
  [{ MemorySwappiness: 101 }, "Invalid value: 101, valid memory swappiness range is 0-100"],
  [{ Memory: 32 * megabyte, MemoryReservation: 64 * megabyte }, "can not be less than memory reservation limit"],
  [{ NanoCpus: 3e9 }, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
  [{ NanoCpus: 1e9, CpuPeriod: 10000 }, "Conflicting options: Nano CPUs and CPU Period cannot both be set"],
  [{ CpuPeriod: 10 }, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"],
  [{ CpuQuota: 10 }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
  [{ CpusetCpus: "0-7" }, "Requested CPUs are not available - requested 0-7, available: 0-1"],
  [{ CpusetCpus: "a" }, "Invalid value a for cpuset cpus"],
  [{ CpusetMems: "3" }, "Requested memory nodes are not available - requested 3, available: 0"],
  [{ BlkioWeight: 5 }, "Range of blkio weight is from 10 to 1000"],
  [{ CapAdd: ["nope"] }, 'invalid CapAdd: unknown capability: "CAP_NOPE"'],
  [{ OomScoreAdj: 1001 }, "Invalid value 1001, range for oom score adj is [-1000, 1000]"],
  [{ SecurityOpt: ["nope"] }, 'invalid --security-opt 1: "nope"'],
  [{ SecurityOpt: ["nope=1"] }, 'invalid --security-opt 2: "nope=1"'],
  [{ Runtime: "nope" }, "unknown or invalid runtime name: nope"],
  [{ IpcMode: "nope" }, "invalid IPC mode: nope"],
  [{ Sysctls: { "net.core.somaxconn": "1" }, NetworkMode: "host" }, "not allowed in host network namespace"],
  [{ Sysctls: { "vm.swappiness": "1" } }, 'sysctl "vm.swappiness" is not in a separate kernel namespace'],
  [{ DeviceCgroupRules: ["nope"] }, "invalid device cgroup rule format: 'nope'"],
  [
    { AutoRemove: true, RestartPolicy: { Name: "always", MaximumRetryCount: 0 } },
    "can't create 'AutoRemove' container",
  ],
  [
    { RestartPolicy: { Name: "always", MaximumRetryCount: 3 } },
    "maximum retry count can only be used with 'on-failure'",
  ],
  [{ NetworkMode: "container:x", Dns: ["1.1.1.1"] }, "conflicting options: dns and the network mode"],
  [{ Ulimits: [{ Name: "nope", Soft: 1, Hard: 1 }] }, "invalid ulimit type: nope"],
  [{ Tmpfs: { "/": "" } }, "destination can't be '/'"],
  [{ Annotations: { "": "a" } }, "invalid Annotations: the empty string is not permitted as an annotation key"],
  [{ StorageOpt: { size: "10G" } }, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"],
  [{ ExtraHosts: ["nope"] }, 'bad format for add-host: "nope"'],
  [{ ExtraHosts: ["db:nope"] }, 'invalid IP address in add-host: "nope"'],
  [{ PortBindings: { "x/tcp": [] } }, 'invalid port specification: "x"'],
  [{ PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8y" }] } }, 'invalid port specification: "8y"'],
  [{ NetworkMode: "container" }, "invalid container format container:<name|id>"],
  [{ PidMode: "container" }, "invalid PID mode: container"],
]

for (const [host, words] of refusals)
  test(`${JSON.stringify(host)} is refused: ${words}`, () => {
    expect(() => check(host)).toThrow(words)
  })

test("a host name does not go with the host's UTS namespace or another's network", () => {
  expect(() => check({ UTSMode: "host" }, { Hostname: "x" })).toThrow("conflicting options: hostname and the UTS mode")
  expect(() => check({ NetworkMode: "container:x" }, { Hostname: "x" })).toThrow("hostname and the network mode")
})

test("what is left open gets Docker's defaults", () => {
  const { host, warnings } = check({ Memory: 32 * megabyte })
  expect(warnings).toEqual([])
  expect(host.MemorySwap).toBe(64 * megabyte)
  expect([host.NetworkMode, host.IpcMode, host.CgroupnsMode, host.ShmSize, host.Runtime]).toEqual([
    "bridge",
    "private",
    "host",
    64 * megabyte,
    "crun",
  ])
})

test("limits that the kernel lacks are left out with a warning", () => {
  const lacking = { ...facts, features: { ...features, blkioWeight: false, pids: false } }
  const { host, warnings } = validateContainer(someConfig(), someHost({ BlkioWeight: 300, PidsLimit: 10 }), lacking)
  expect(warnings).toEqual([
    "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.",
    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
  ])
  expect(limitsOf(host)).toEqual({})
})

test("limits become the runtime's: CPUs a quota, no pids limit -1, no swap limit -1", () => {
  const { host } = check({
    NanoCpus: 1_500_000_000,
    Memory: 32 * megabyte,
    MemorySwap: -1,
    PidsLimit: 12,
    CpuShares: 512,
  })
  expect(limitsOf(host)).toEqual({
    cpu: { quota: 150_000, period: 100_000, shares: 512 },
    memory: { limit: 32 * megabyte, swap: -1 },
    pids: { limit: 12 },
  })
})

test("no number of processes, and a number below, are no limit", () => {
  for (const PidsLimit of [0, -1, -2]) expect(check({ PidsLimit }).host.PidsLimit).toBeNull()
})

test("a health check's times are at least a millisecond, its retries not negative", () => {
  const words = (Healthcheck: HealthConfig) => () => check({}, { Hostname: "", Healthcheck })
  expect(words({ Interval: -10_000_000 })).toThrow("Interval in Healthcheck cannot be less than 1ms")
  expect(words({ Interval: 500_000 })).toThrow("Interval in Healthcheck cannot be less than 1ms")
  expect(words({ Timeout: -1 })).toThrow("Timeout in Healthcheck cannot be less than 1ms")
  expect(words({ Retries: -1 })).toThrow("Retries in Healthcheck cannot be negative")
  expect(words({ StartPeriod: 100_000 })).toThrow("StartPeriod in Healthcheck cannot be less than 1ms")
  expect(words({ StartInterval: 100_000 })).toThrow("StartInterval in Healthcheck cannot be less than 1ms")
  expect(words({ Interval: 1_000_000, Timeout: 0 })).not.toThrow()
})

test("a stop signal that is none is refused at creation", () => {
  expect(() => check({}, { Hostname: "", StopSignal: "SIG42" })).toThrow("invalid signal: SIG42")
  expect(() => check({}, { Hostname: "", StopSignal: "RTMIN+3" })).not.toThrow()
})
