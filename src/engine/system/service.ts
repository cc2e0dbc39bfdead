import { readdirSync, readFileSync } from "node:fs"
import { arch, cpus, hostname, release, totalmem } from "node:os"
import { dockerRelease } from "../../api/docker-release.ts"
import type {
  BuildPruneResponse,
  DiskUsageResponse,
  IndexInfo,
  InfoResponse,
  VersionResponse,
} from "../../api/system.ts"
import type { Scope } from "../../core/scope.ts"
import { readCdiDevices } from "../../runtime/cdi/devices.ts"
import { build } from "../../std/build.ts"
import { formatNanos, nowNanos } from "../../std/clock.ts"
import type { ProxySettings } from "../../std/http/proxy.ts"
import { newestVersion, oldestVersion } from "../compat/version.ts"
import type { ContainerContext } from "../containers/context.ts"
import type { Containers } from "../containers/contract.ts"
import type { Images } from "../images/contract.ts"
import { usualDriver } from "../logging/config.ts"
import { logDrivers } from "../logging/drivers.ts"
import type { Volumes } from "../volumes/contract.ts"
import type { DiskUsageOptions, System } from "./contract.ts"
import { diskUsage } from "./disk-usage.ts"
import { initVersion } from "./init-version.ts"

/** What `info` tells of this daemon beyond its containers. */
export interface SystemFacts {
  /** Stays the same for one data root. */
  readonly id: string
  readonly dataRoot: string
  readonly debug: boolean
  readonly experimental: boolean
  readonly labels: readonly string[]
  readonly insecureRegistries: readonly string[]
  readonly registryMirrors: readonly string[]
  /** By which registries are reached. */
  readonly proxies: ProxySettings
  /** Addresses of the API that are open to whoever reaches them. */
  readonly exposed: readonly { readonly address: string; readonly encrypted: boolean }[]
  readonly addressPools: readonly { readonly base: string; readonly size: number }[]
  /** Why the snapshot driver and the OCI runtime are what they are. */
  readonly snapshotsWhy: string
  /** What becomes of layers, and why. */
  readonly layers: string
  readonly backingFilesystem: string
  /** `builtin`, `unconfined`, or the path of the profile that containers get when they ask for none. */
  readonly seccompProfile: string
}

export interface SystemCollaborators {
  readonly context: ContainerContext
  readonly containers: Containers
  readonly images: Images
  readonly volumes: Volumes & { size(name: string): Promise<number> }
  /** Bytes of all unpacked layers. */
  readonly layersSize: (scope: Scope) => Promise<number>
  /** Facts at the time of asking: SIGHUP changes some. */
  readonly facts: () => SystemFacts
}

/** The daemon as a whole. Says only what is true on this host. */
export class EngineSystem implements System {
  readonly #with: SystemCollaborators
  #init: Promise<string> | undefined

  constructor(collaborators: SystemCollaborators) {
    this.#with = collaborators
  }

  async version(): Promise<VersionResponse> {
    const { context, facts } = this.#with
    const init = await this.#initVersion()
    const goArch = arch() === "arm64" ? "arm64" : "amd64"
    const runtime = context.runtimes[0]!
    const details = {
      ApiVersion: newestVersion,
      Arch: goArch,
      BuildTime: build.time,
      Experimental: String(facts().experimental),
      GitCommit: build.commit,
      GoVersion: "none (Barge is written in TypeScript)",
      KernelVersion: release(),
      MinAPIVersion: oldestVersion,
      Os: "linux",
    }
    return {
      Platform: { Name: `Barge ${build.version}` },
      Components: [
        { Name: "Engine", Version: dockerRelease, Details: details },
        { Name: "containerd", Version: build.version, Details: { GitCommit: build.commit } },
        { Name: runtime.name, Version: runtime.version, Details: { GitCommit: "" } },
        { Name: "docker-init", Version: init || "none", Details: { GitCommit: "" } },
      ],
      Version: dockerRelease,
      ApiVersion: newestVersion,
      MinAPIVersion: oldestVersion,
      GitCommit: build.commit,
      GoVersion: details.GoVersion,
      Os: "linux",
      Arch: goArch,
      KernelVersion: release(),
      ...(facts().experimental ? { Experimental: true } : {}),
      BuildTime: build.time,
    }
  }

  /** Asked for once; empty without an init program. */
  #initVersion(): Promise<string> {
    const { initPath } = this.#with.context.host
    this.#init ??= initPath ? initVersion(initPath) : Promise.resolve("")
    return this.#init
  }

  async info(scope: Scope): Promise<InfoResponse> {
    const { context, images } = this.#with
    const facts = this.#with.facts()
    const { features, cgroupMode } = context.host.facts
    const containers = context.registry.all()
    const paused = containers.filter((each) => each.state.status === "paused").length
    const running = containers.filter((each) => each.running).length - paused
    const all = await images.list(scope, {
      all: false,
      filters: new Map(),
      sharedSize: false,
      digests: false,
      manifests: false,
    })
    const runtime = context.runtimes[0]!
    return {
      ID: facts.id,
      Containers: containers.length,
      ContainersRunning: running,
      ContainersPaused: paused,
      ContainersStopped: containers.length - running - paused,
      Images: all.length,
      Driver: context.snapshots.driver === "overlay" ? "overlay2" : "vfs",
      DriverStatus: [
        ["Backing Filesystem", facts.backingFilesystem],
        ["Chosen because", facts.snapshotsWhy],
        ["Layers", facts.layers],
      ],
      Plugins: {
        Volume: ["local"],
        Network: ["bridge", "host", "ipvlan", "macvlan", "null"],
        Authorization: null,
        Log: Object.keys(logDrivers),
      },
      MemoryLimit: features.memory,
      SwapLimit: features.swap,
      CpuCfsPeriod: features.cpuCfs,
      CpuCfsQuota: features.cpuCfs,
      CPUShares: features.cpuShares,
      CPUSet: features.cpuset,
      PidsLimit: features.pids,
      OomKillDisable: features.oomKillDisable,
      IPv4Forwarding: readFirstLine("/proc/sys/net/ipv4/ip_forward") === "1",
      Debug: facts.debug,
      NFd: count("/proc/self/fd"),
      NGoroutines: count("/proc/self/task"),
      SystemTime: formatNanos(nowNanos()),
      LoggingDriver: context.defaults.logDriver ?? usualDriver,
      CgroupDriver: "cgroupfs",
      CgroupVersion: cgroupMode === "unified" ? "2" : "1",
      NEventsListener: context.events.listeners,
      KernelVersion: release(),
      OperatingSystem: osRelease("PRETTY_NAME") || "Linux",
      OSVersion: osRelease("VERSION_ID"),
      OSType: "linux",
      Architecture: arch() === "arm64" ? "aarch64" : "x86_64",
      IndexServerAddress: "https://index.docker.io/v1/",
      RegistryConfig: registryConfig(facts),
      NCPU: cpus().length,
      MemTotal: totalmem(),
      GenericResources: null,
      DockerRootDir: facts.dataRoot,
      HttpProxy: withoutPassword(facts.proxies.http),
      HttpsProxy: withoutPassword(facts.proxies.https),
      NoProxy: facts.proxies.no ?? "",
      Name: hostname(),
      Labels: facts.labels,
      ExperimentalBuild: facts.experimental,
      ServerVersion: dockerRelease,
      Runtimes: Object.fromEntries(
        context.runtimes.map((each) => [
          each.name,
          {
            path: each.path,
            ...(each.args.length > 0 ? { runtimeArgs: each.args } : {}),
            status: { version: each.version, reason: each.reason },
          },
        ]),
      ),
      DefaultRuntime: runtime.name,
      Swarm: {
        NodeID: "",
        NodeAddr: "",
        LocalNodeState: "inactive",
        ControlAvailable: false,
        Error: "",
        RemoteManagers: null,
      },
      LiveRestoreEnabled: true,
      Isolation: "",
      InitBinary: context.host.initPath ?? "",
      ContainerdCommit: { ID: build.commit },
      RuncCommit: { ID: runtime.version },
      InitCommit: { ID: await this.#initVersion() },
      SecurityOptions: [
        ...(context.host.apparmor.defaultProfile ? ["name=apparmor"] : []),
        `name=seccomp,profile=${facts.seccompProfile}`,
        ...(cgroupMode === "unified" ? ["name=cgroupns"] : []),
      ],
      ...(facts.addressPools.length > 0
        ? { DefaultAddressPools: facts.addressPools.map(({ base, size }) => ({ Base: base, Size: size })) }
        : {}),
      FirewallBackend: { Driver: "nftables" },
      CDISpecDirs: context.defaults.cdiSpecDirs,
      DiscoveredDevices: [...readCdiDevices(context.defaults.cdiSpecDirs).devices.keys()].map((ID) => ({
        Source: "cdi",
        ID,
      })),
      Warnings: this.#warnings(),
    }
  }

  diskUsage(scope: Scope, options: DiskUsageOptions): Promise<DiskUsageResponse> {
    return diskUsage({ ...this.#with, known: () => this.#with.context.registry.all() }, scope, options)
  }

  async pruneBuildCache(): Promise<BuildPruneResponse> {
    return { CachesDeleted: [], SpaceReclaimed: 0 }
  }

  #warnings(): string[] | null {
    const { context } = this.#with
    const { features } = context.host.facts
    const missing: [boolean, string][] = [
      [features.memory, "WARNING: No memory limit support"],
      [features.swap, "WARNING: No swap limit support"],
      [features.cpuCfs, "WARNING: No cpu cfs quota support"],
      [features.cpuShares, "WARNING: No cpu shares support"],
      [features.cpuset, "WARNING: No cpuset support"],
      [features.pids, "WARNING: No pids limit support"],
      [features.blkioWeight, "WARNING: No blkio weight support"],
    ]
    const warnings = [
      ...this.#with.facts().exposed.map(exposureWarning),
      ...missing.filter(([present]) => !present).map(([, text]) => text),
      ...context.networking.warnings().map((text) => `WARNING: ${text}`),
      ...(context.host.apparmor.reason
        ? [`WARNING: No default AppArmor profile: ${context.host.apparmor.reason}`]
        : []),
      ...(this.#with.facts().seccompProfile === "builtin"
        ? []
        : ["WARNING: daemon is not using the default seccomp profile"]),
      ...(context.host.initPath
        ? []
        : ["WARNING: No init program for --init: install tini (tini-static) or catatonit"]),
    ]
    return warnings.length > 0 ? warnings : null
  }
}

const exposureWarning = ({ address, encrypted }: { readonly address: string; readonly encrypted: boolean }): string =>
  `WARNING: API is accessible on ${encrypted ? "https" : "http"}://${address} without ${encrypted ? "TLS client verification" : "encryption"}.
         Access to the remote API is equivalent to root access on the host. Refer
         to the 'Docker daemon attack surface' section in the documentation for
         more information: https://docs.docker.com/go/attack-surface/`

function registryConfig(facts: SystemFacts): InfoResponse["RegistryConfig"] {
  const indexes: Record<string, IndexInfo> = {
    "docker.io": { Name: "docker.io", Mirrors: facts.registryMirrors, Secure: true, Official: true },
  }
  for (const name of facts.insecureRegistries) {
    if (!name.includes("/")) indexes[name] = { Name: name, Mirrors: [], Secure: false, Official: false }
  }
  return {
    InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8", ...facts.insecureRegistries.filter((each) => each.includes("/"))],
    IndexConfigs: indexes,
    Mirrors: facts.registryMirrors.length > 0 ? facts.registryMirrors : null,
  }
}

/** A proxy's address as everybody may see it. */
function withoutPassword(proxy = ""): string {
  return proxy.replace(/^(\w+:\/\/)[^/@]*@/, "$1xxxxx:xxxxx@")
}

function osRelease(key: string): string {
  try {
    return new RegExp(`^${key}="?(.*?)"?$`, "m").exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? ""
  } catch {
    return ""
  }
}

function readFirstLine(path: string): string {
  try {
    return readFileSync(path, "latin1").split("\n", 1)[0]!
  } catch {
    return ""
  }
}

function count(directory: string): number {
  try {
    return readdirSync(directory).length
  } catch {
    return 0
  }
}
