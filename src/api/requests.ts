import type { CheckpointRequest } from "./container.ts"
import type {
  ContainerConfig,
  CreateRequest,
  HealthConfig,
  HostConfig,
  MountRequest,
  NetworkingConfig,
  Resources,
  RestartPolicy,
  UpdateRequest,
} from "./container-config.ts"
import type { ExecCreateRequest, ExecStartRequest } from "./exec.ts"
import type { AuthConfig, IndexPushRequest } from "./image.ts"
import type {
  EndpointSettings,
  Ipam,
  IpamPool,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkDisconnectRequest,
} from "./network.ts"
import {
  emptyObject,
  flag,
  freeText,
  int64,
  integer,
  list,
  many,
  map,
  nullable,
  omitEmpty,
  optional,
  type StructSchema,
  size,
  struct,
  text,
  uint16,
  uint32,
  uint64,
  word,
  words,
} from "./schema.ts"
import type { VolumeCreateRequest } from "./volume.ts"

const texts = list(text)
const manyTexts = list(text, many)
/** Every event of an object carries them. */
const labels = map(freeText, 10_000)
const options = map(text)

const health = struct<HealthConfig>("HealthConfig", {
  Test: omitEmpty(texts),
  Interval: omitEmpty(int64),
  Timeout: omitEmpty(int64),
  StartPeriod: omitEmpty(int64),
  StartInterval: omitEmpty(int64),
  Retries: omitEmpty(integer),
})

const configFields = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: omitEmpty(map(emptyObject, many)),
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: manyTexts,
  Cmd: words,
  Healthcheck: optional(health),
  ArgsEscaped: omitEmpty(flag),
  Image: text,
  Volumes: map(emptyObject),
  WorkingDir: text,
  Entrypoint: words,
  NetworkDisabled: omitEmpty(flag),
  MacAddress: omitEmpty(text),
  OnBuild: texts,
  Labels: labels,
  StopSignal: omitEmpty(text),
  StopTimeout: optional(integer),
  Shell: omitEmpty(words),
}

/** The body of `POST /commit`, and the part of a create request that says what runs. */
export const containerConfig = struct<ContainerConfig>("Config", configFields)

const throttle = list(struct<{ Path: string; Rate: number | bigint }>("ThrottleDevice", { Path: text, Rate: uint64 }))

const resourceFields = {
  CpuShares: int64,
  Memory: int64,
  NanoCpus: int64,
  CgroupParent: text,
  BlkioWeight: uint16,
  BlkioWeightDevice: list(struct<{ Path: string; Weight: number }>("WeightDevice", { Path: text, Weight: uint16 })),
  BlkioDeviceReadBps: throttle,
  BlkioDeviceWriteBps: throttle,
  BlkioDeviceReadIOps: throttle,
  BlkioDeviceWriteIOps: throttle,
  CpuPeriod: int64,
  CpuQuota: int64,
  CpuRealtimePeriod: int64,
  CpuRealtimeRuntime: int64,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: list(
    struct<{ PathOnHost: string; PathInContainer: string; CgroupPermissions: string }>("DeviceMapping", {
      PathOnHost: text,
      PathInContainer: text,
      CgroupPermissions: text,
    }),
  ),
  DeviceCgroupRules: texts,
  DeviceRequests: list(
    struct<NonNullable<Resources["DeviceRequests"]>[number]>("DeviceRequest", {
      Driver: text,
      Count: integer,
      DeviceIDs: texts,
      Capabilities: list(list(text)) as never,
      Options: options,
    }),
  ),
  KernelMemory: omitEmpty(int64),
  KernelMemoryTCP: omitEmpty(int64),
  MemoryReservation: int64,
  MemorySwap: int64,
  MemorySwappiness: nullable(int64),
  OomKillDisable: nullable(flag),
  PidsLimit: nullable(int64),
  Ulimits: list(struct<NonNullable<Resources["Ulimits"]>[number]>("Ulimit", { Name: text, Hard: int64, Soft: int64 })),
  CpuCount: int64,
  CpuPercent: int64,
  IOMaximumIOps: uint64,
  IOMaximumBandwidth: uint64,
}

const restartPolicy = struct<RestartPolicy>("RestartPolicy", {
  Name: word<RestartPolicy["Name"]>(),
  MaximumRetryCount: integer,
})

const subpath = struct<{ Subpath?: string }>("ImageOptions", { Subpath: omitEmpty(text) })

const mount = struct<MountRequest>("Mount", {
  Type: omitEmpty(word<NonNullable<MountRequest["Type"]>>()),
  Source: omitEmpty(text),
  Target: omitEmpty(text),
  ReadOnly: omitEmpty(flag),
  Consistency: omitEmpty(text),
  BindOptions: optional(
    struct<NonNullable<MountRequest["BindOptions"]>>("BindOptions", {
      Propagation: omitEmpty(text),
      NonRecursive: omitEmpty(flag),
      CreateMountpoint: omitEmpty(flag),
      ReadOnlyNonRecursive: omitEmpty(flag),
      ReadOnlyForceRecursive: omitEmpty(flag),
    }),
  ),
  VolumeOptions: optional(
    struct<NonNullable<MountRequest["VolumeOptions"]>>("VolumeOptions", {
      NoCopy: omitEmpty(flag),
      Labels: omitEmpty(labels),
      Subpath: omitEmpty(text),
      DriverConfig: optional(
        struct<{ Name?: string; Options?: Readonly<Record<string, string>> }>("Driver", {
          Name: omitEmpty(text),
          Options: omitEmpty(options),
        }),
      ),
    }),
  ),
  ImageOptions: optional(subpath),
  TmpfsOptions: optional(
    struct<NonNullable<MountRequest["TmpfsOptions"]>>("TmpfsOptions", {
      SizeBytes: omitEmpty(int64),
      Mode: omitEmpty(uint32),
      Options: omitEmpty(list(list(text))) as never,
    }),
  ),
  ClusterOptions: optional(emptyObject),
})

/** How a container sits on its host. `readBody(hostConfig, {})` gives every field its zero value. */
export const hostConfig = struct<HostConfig>("HostConfig", {
  Binds: texts,
  ContainerIDFile: text,
  LogConfig: struct<HostConfig["LogConfig"]>("LogConfig", { Type: text, Config: options }),
  NetworkMode: text,
  PortBindings: map(
    list(struct<{ HostIp: string; HostPort: string }>("PortBinding", { HostIp: text, HostPort: text })),
    many,
  ),
  RestartPolicy: restartPolicy,
  AutoRemove: flag,
  VolumeDriver: text,
  VolumesFrom: texts,
  ConsoleSize: size,
  Annotations: omitEmpty(options),
  CapAdd: words,
  CapDrop: words,
  CgroupnsMode: text,
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: list(text, 10_000),
  GroupAdd: texts,
  IpcMode: text,
  Cgroup: text,
  Links: texts,
  OomScoreAdj: integer,
  PidMode: text,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: texts,
  StorageOpt: omitEmpty(options),
  Tmpfs: omitEmpty(options),
  UTSMode: text,
  UsernsMode: text,
  ShmSize: int64,
  Sysctls: omitEmpty(options),
  Runtime: omitEmpty(text),
  Isolation: text,
  ...resourceFields,
  Mounts: omitEmpty(list(mount)),
  MaskedPaths: texts,
  ReadonlyPaths: texts,
  Init: optional(flag),
  Umask: optional(uint32),
})

const endpointSettings = struct<EndpointSettings>("EndpointSettings", {
  IPAMConfig: nullable(
    struct<NonNullable<EndpointSettings["IPAMConfig"]>>("EndpointIPAMConfig", {
      IPv4Address: omitEmpty(text),
      IPv6Address: omitEmpty(text),
      LinkLocalIPs: omitEmpty(texts),
    }),
  ),
  Links: texts,
  Aliases: texts,
  MacAddress: text,
  DriverOpts: options,
  GwPriority: integer,
  NetworkID: text,
  EndpointID: text,
  Gateway: text,
  IPAddress: text,
  IPPrefixLen: integer,
  IPv6Gateway: text,
  GlobalIPv6Address: text,
  GlobalIPv6PrefixLen: integer,
  DNSNames: texts,
})

/** Only what says what runs makes it a request: with nothing but a HostConfig there is none. */
export const createRequest: StructSchema<CreateRequest> = {
  ...struct<CreateRequest>("CreateRequest", {
    ...configFields,
    HostConfig: hostConfig,
    NetworkingConfig: struct<NetworkingConfig>("NetworkingConfig", {
      EndpointsConfig: map(nullable(endpointSettings)),
    }),
  }),
  fields: containerConfig.fields,
}

export const updateRequest = struct<UpdateRequest>("UpdateConfig", { ...resourceFields, RestartPolicy: restartPolicy })

export const checkpointRequest = struct<CheckpointRequest>("CreateOptions", {
  CheckpointID: text,
  CheckpointDir: text,
  Exit: flag,
})

export const execCreateRequest = struct<ExecCreateRequest>("ExecOptions", {
  User: text,
  Privileged: flag,
  Tty: flag,
  ConsoleSize: optional(size),
  AttachStdin: flag,
  AttachStderr: flag,
  AttachStdout: flag,
  DetachKeys: text,
  Env: manyTexts,
  WorkingDir: text,
  Cmd: manyTexts,
})

export const execStartRequest = struct<ExecStartRequest>("ExecStartOptions", {
  Detach: flag,
  Tty: flag,
  ConsoleSize: optional(size),
})

export const volumeCreateRequest = struct<VolumeCreateRequest>("CreateOptions", {
  Name: text,
  Driver: text,
  DriverOpts: options,
  Labels: labels,
})

const ipam = struct<Ipam>("IPAM", {
  Driver: text,
  Options: options,
  Config: list(
    struct<IpamPool>("IPAMConfig", {
      Subnet: omitEmpty(text),
      IPRange: omitEmpty(text),
      Gateway: omitEmpty(text),
      AuxiliaryAddresses: omitEmpty(options),
    }),
  ),
})

export const networkCreateRequest = struct<NetworkCreateRequest>("CreateRequest", {
  Name: text,
  Driver: text,
  Scope: text,
  EnableIPv4: optional(flag),
  EnableIPv6: optional(flag),
  IPAM: optional(ipam),
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: optional(struct<{ Network: string }>("ConfigReference", { Network: text })),
  Options: options,
  Labels: labels,
})

export const networkConnectRequest = struct<NetworkConnectRequest>("ConnectOptions", {
  Container: text,
  EndpointConfig: optional(endpointSettings),
})

export const networkDisconnectRequest = struct<NetworkDisconnectRequest>("DisconnectOptions", {
  Container: text,
  Force: flag,
})

export const authConfig = struct<AuthConfig>("AuthConfig", {
  username: omitEmpty(text),
  password: omitEmpty(text),
  auth: omitEmpty(text),
  email: omitEmpty(text),
  serveraddress: omitEmpty(text),
  identitytoken: omitEmpty(text),
  registrytoken: omitEmpty(text),
})

export const indexPush = struct<IndexPushRequest>("IndexPushRequest", { Raw: text, MediaType: text, Sources: words })
