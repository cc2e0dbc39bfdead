import type { ContainerConfig, CreateBody, HostConfig, MountRequest } from "../../api/container-config.ts"
import { messageOf } from "../../errors/failure.ts"
import { parseDevices } from "../../flag-values/devices.ts"
import { endpointsOf } from "../../flag-values/endpoints.ts"
import { healthOf } from "../../flag-values/health.ts"
import { readKeyValueFiles } from "../../flag-values/key-value-file.ts"
import { parseRestart } from "../../flag-values/limits.ts"
import { parsePorts } from "../../flag-values/ports.ts"
import { normalizeCapabilities, parseSecurity } from "../../flag-values/security.ts"
import { parseVolumes } from "../../flag-values/volumes.ts"
import { cut, keyValues } from "../../flag-values/words.ts"
import type { ContainerFlags } from "./flags.ts"

/** What the body is made of. */
export interface CreateRequest {
  readonly flags: ContainerFlags
  /** Names of the flags that were given. */
  readonly given: ReadonlySet<string>
  readonly image: string
  readonly command: readonly string[]
  /** `NAME=value` of the proxies that the client's configuration gives to containers. */
  readonly proxies: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** `run --detach`: nothing is attached. */
  readonly detached: boolean
  /** Rows and columns of the user's terminal; zeros when there is none. */
  readonly consoleSize: readonly [number, number]
  /** The daemon's socket, for `--use-api-socket`. */
  readonly socket?: string
}

/** The whole body of `POST /containers/create`, with the fields that docker sends. @throws Error in Docker's words */
export function createBody(request: CreateRequest): CreateBody {
  const { flags } = request
  if (flags.rm && !["", "no"].includes(parseRestart(flags.restart).Name))
    throw new Error("conflicting options: cannot specify both --restart and --rm")
  if (flags["memory-swappiness"] !== -1 && (flags["memory-swappiness"] < 0 || flags["memory-swappiness"] > 100))
    throw new Error(`invalid value: ${flags["memory-swappiness"]}. Valid memory swappiness range is 0-100`)
  const EndpointsConfig = endpointsOf(flags.network, {
    aliases: flags["network-alias"],
    links: flags.link,
    linkLocalIps: flags["link-local-ip"],
    ip: flags.ip,
    ip6: flags.ip6,
    macAddress: flags["mac-address"],
  })
  return { ...configOf(request), HostConfig: hostConfigOf(request), NetworkingConfig: { EndpointsConfig } }
}

/** @throws Error in docker's words, which name the flag */
function fromFiles(flag: string, paths: readonly string[], lookup: (name: string) => string | undefined) {
  try {
    return readKeyValueFiles(paths, lookup)
  } catch (error) {
    throw new Error(`${flag}: ${messageOf(error)}`)
  }
}

const orNull = <T>(items: readonly T[]) => (items.length > 0 ? items : null)
const orAbsent = <T extends object>(map: T) => (Object.keys(map).length > 0 ? map : undefined)

function configOf({ flags, given, image, command, proxies, environment, detached }: CreateRequest): ContainerConfig {
  const { anonymous } = parseVolumes(flags.volume)
  const attached = (stream: string) => flags.attach.includes(stream)
  const stdin = attached("stdin") || flags.interactive
  const all = flags.attach.length === 0
  const lookup = (name: string) => environment[name]
  const variables = [
    ...fromFiles("--env-file", flags["env-file"], lookup),
    ...flags.env.map((word) => (word.includes("=") || lookup(word) === undefined ? word : `${word}=${lookup(word)}`)),
  ]
  const named = new Set(variables.map((word) => cut(word, "=")[0]))
  const env = [...variables, ...proxies.filter((word) => !named.has(cut(word, "=")[0]))]
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: !detached && stdin,
    AttachStdout: !detached && (all || attached("stdout")),
    AttachStderr: !detached && (all || attached("stderr")),
    ExposedPorts: orAbsent(parsePorts(flags.publish, flags.expose).exposed),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: !detached && flags.interactive && stdin,
    Env: orNull(env),
    Cmd: orNull(command),
    Healthcheck: healthOf(flags),
    Image: image,
    Volumes: Object.fromEntries(anonymous.map((target) => [target, {}])),
    WorkingDir: flags.workdir,
    Entrypoint: given.has("entrypoint") ? [flags.entrypoint] : null,
    OnBuild: null,
    Labels: keyValues([...fromFiles("--label-file", flags["label-file"], () => undefined), ...flags.label]),
    StopSignal: flags["stop-signal"] || undefined,
    StopTimeout: given.has("stop-timeout") ? flags["stop-timeout"] : undefined,
  }
}

function hostConfigOf({ flags, given, socket, consoleSize }: CreateRequest): Partial<HostConfig> {
  checkNamespaces(flags)
  const { options: SecurityOpt, unconfinedPaths } = parseSecurity(flags["security-opt"])
  const { devices, cdi } = parseDevices(flags.device)
  const requests =
    cdi.length > 0
      ? [...flags.gpus, { Driver: "cdi", Count: 0, DeviceIDs: cdi, Capabilities: null, Options: null }]
      : flags.gpus
  const loggingOptions = keyValues(flags["log-opt"])
  if (flags["log-driver"] === "none" && flags["log-opt"].length > 0)
    throw new Error("invalid logging opts for driver none")
  if (flags["storage-opt"].some((word) => !word.includes("="))) throw new Error("invalid storage option")
  const mounts: readonly MountRequest[] =
    flags["use-api-socket"] && socket
      ? [...flags.mount, { Type: "bind", Source: socket, Target: "/var/run/docker.sock", BindOptions: {} }]
      : flags.mount
  return {
    Binds: orNull(parseVolumes(flags.volume).binds),
    ContainerIDFile: flags.cidfile,
    LogConfig: { Type: flags["log-driver"], Config: loggingOptions },
    NetworkMode: flags.network[0]?.target ?? "default",
    PortBindings: parsePorts(flags.publish, flags.expose).bindings,
    RestartPolicy: parseRestart(flags.restart),
    AutoRemove: flags.rm,
    VolumeDriver: flags["volume-driver"],
    VolumesFrom: orNull(flags["volumes-from"]),
    ConsoleSize: [...consoleSize],
    Annotations: orAbsent(keyValues(flags.annotation)),
    CapAdd: normalizeCapabilities(flags["cap-add"]),
    CapDrop: normalizeCapabilities(flags["cap-drop"]),
    CgroupnsMode: flags.cgroupns,
    Dns: orNull(flags.dns),
    DnsOptions: flags["dns-option"],
    DnsSearch: flags["dns-search"],
    ExtraHosts: orNull(flags["add-host"]),
    GroupAdd: orNull(flags["group-add"]),
    IpcMode: flags.ipc,
    Cgroup: "",
    Links: orNull(flags.link),
    OomScoreAdj: flags["oom-score-adj"],
    PidMode: flags.pid,
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    SecurityOpt: flags["security-opt"].length > 0 ? SecurityOpt : null,
    StorageOpt: orAbsent(keyValues(flags["storage-opt"])),
    Tmpfs: orAbsent(
      Object.fromEntries(
        flags.tmpfs.map((word) => {
          const [path, options] = cut(word, ":")
          return [path, options ?? ""]
        }),
      ),
    ),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ShmSize: flags["shm-size"],
    Sysctls: orAbsent(keyValues(flags.sysctl)),
    Runtime: flags.runtime || undefined,
    Isolation: flags.isolation,
    ...resourcesOf(flags),
    Devices: devices,
    DeviceRequests: orNull(requests),
    Mounts: mounts.length > 0 ? mounts : undefined,
    MaskedPaths: unconfinedPaths ? [] : null,
    ReadonlyPaths: unconfinedPaths ? [] : null,
    Init: given.has("init") ? flags.init : undefined,
    Umask: flags.umask,
  }
}

function resourcesOf(flags: ContainerFlags): Partial<HostConfig> {
  return {
    CpuShares: flags["cpu-shares"],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    CgroupParent: flags["cgroup-parent"],
    BlkioWeight: flags["blkio-weight"],
    BlkioWeightDevice: flags["blkio-weight-device"],
    BlkioDeviceReadBps: flags["device-read-bps"],
    BlkioDeviceWriteBps: flags["device-write-bps"],
    BlkioDeviceReadIOps: flags["device-read-iops"],
    BlkioDeviceWriteIOps: flags["device-write-iops"],
    CpuPeriod: flags["cpu-period"],
    CpuQuota: flags["cpu-quota"],
    CpuRealtimePeriod: flags["cpu-rt-period"],
    CpuRealtimeRuntime: flags["cpu-rt-runtime"],
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    DeviceCgroupRules: orNull(flags["device-cgroup-rule"]),
    MemoryReservation: flags["memory-reservation"],
    MemorySwap: flags["memory-swap"],
    MemorySwappiness: flags["memory-swappiness"],
    OomKillDisable: flags["oom-kill-disable"],
    PidsLimit: flags["pids-limit"],
    Ulimits: orNull(flags.ulimit),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  }
}

function checkNamespaces(flags: ContainerFlags): void {
  if (!/^(host|container:.+)?$/.test(flags.pid)) throw new Error("--pid: invalid PID mode")
  if (!/^(host)?$/.test(flags.uts)) throw new Error("--uts: invalid UTS mode")
  if (!/^(host)?$/.test(flags.userns)) throw new Error("--userns: invalid USER mode")
  if (!/^(host|private)?$/.test(flags.cgroupns)) throw new Error("--cgroupns: invalid CGROUP mode")
}
