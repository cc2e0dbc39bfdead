/** The parts of the OCI runtime specification (config.json, 1.0.2) that this program writes. Names are the spec's. */
export interface RuntimeSpec {
  ociVersion: string
  process: Process
  root: { path: string; readonly?: boolean }
  hostname?: string
  domainname?: string
  mounts: SpecMount[]
  hooks?: { [K in HookName]?: Hook[] }
  linux: LinuxSpec
  annotations?: Record<string, string>
}

export interface Process {
  terminal?: boolean
  consoleSize?: { height: number; width: number }
  user: { uid: number; gid: number; umask?: number; additionalGids?: number[] }
  args: string[]
  env: string[]
  cwd: string
  capabilities?: Record<"bounding" | "effective" | "inheritable" | "permitted" | "ambient", string[]>
  /** A bigint where a number is not exact. */
  rlimits?: { type: string; hard: number | bigint; soft: number | bigint }[]
  noNewPrivileges?: boolean
  apparmorProfile?: string
  selinuxLabel?: string
  oomScoreAdj?: number
}

export type HookName = "prestart" | "createRuntime" | "createContainer" | "startContainer" | "poststart" | "poststop"

/** A program of the host that runs at a moment of a container's life. */
export interface Hook {
  readonly path: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  /** Seconds. */
  readonly timeout?: number
}

export interface SpecMount {
  destination: string
  type?: string
  source?: string
  options?: string[]
}

export type NamespaceType = "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time"

export interface DeviceRule {
  allow: boolean
  type?: "a" | "b" | "c"
  major?: number
  minor?: number
  access?: string
}

export interface Device {
  path: string
  type: "b" | "c" | "p"
  major: number
  minor: number
  fileMode?: number
  uid?: number
  gid?: number
}

/** Bytes, microseconds and shares as in the specification, "Control groups". */
export interface Resources {
  devices?: DeviceRule[]
  memory?: {
    limit?: number
    reservation?: number
    swap?: number
    kernelTCP?: number
    swappiness?: number
    disableOOMKiller?: boolean
  }
  cpu?: {
    shares?: number
    quota?: number
    period?: number
    realtimeRuntime?: number
    realtimePeriod?: number
    cpus?: string
    mems?: string
  }
  pids?: { limit: number }
  blockIO?: {
    weight?: number
    /** In an update of a running container a weight of 0 takes the device's weight back. */
    weightDevice?: { major: number; minor: number; weight: number }[]
    throttleReadBpsDevice?: ThrottleDevice[]
    throttleWriteBpsDevice?: ThrottleDevice[]
    throttleReadIOPSDevice?: ThrottleDevice[]
    throttleWriteIOPSDevice?: ThrottleDevice[]
  }
  hugepageLimits?: { pageSize: string; limit: number }[]
  unified?: Record<string, string>
}

export interface ThrottleDevice {
  major: number
  minor: number
  /** Per second; 0 is no limit. */
  rate: number
}

export interface Seccomp {
  defaultAction: string
  defaultErrnoRet?: number
  architectures?: string[]
  flags?: string[]
  syscalls?: {
    names: string[]
    action: string
    errnoRet?: number
    /** 64-bit values; a bigint where a number is not exact. */
    args?: { index: number; value: number | bigint; valueTwo?: number | bigint; op: string }[]
  }[]
}

export interface LinuxSpec {
  namespaces: { type: NamespaceType; path?: string }[]
  uidMappings?: { containerID: number; hostID: number; size: number }[]
  gidMappings?: { containerID: number; hostID: number; size: number }[]
  devices?: Device[]
  cgroupsPath?: string
  resources?: Resources
  rootfsPropagation?: string
  seccomp?: Seccomp
  sysctl?: Record<string, string>
  maskedPaths?: string[]
  readonlyPaths?: string[]
  mountLabel?: string
}
