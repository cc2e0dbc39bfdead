import { type Absent, GoMap, nilList, nilMap, Struct, type Value } from "../../std/template/value.ts"

/*
 * The API's objects are Go structs for docker's templates, and structs and maps print differently and treat absent
 * keys differently. JSON does not tell them apart; these names of the Docker Engine API do.
 */
const maps = new Set([
  "Annotations",
  "AuxiliaryAddresses",
  "Attributes",
  "Containers",
  "Data",
  "Details",
  "DriverOpts",
  "ExposedPorts",
  "IndexConfigs",
  "Labels",
  "Networks",
  "Options",
  "PortBindings",
  "Ports",
  "Runtimes",
  "Services",
  "Status",
  "StorageOpt",
  "Sysctls",
  "Tmpfs",
  "Volumes",
])
const pointers = new Set([
  "ClusterVolume",
  "Descriptor",
  "Health",
  "Healthcheck",
  "IPAMConfig",
  "ImageManifestDescriptor",
  "Init",
  "MemorySwappiness",
  "OomKillDisable",
  "PidsLimit",
  "Server",
  "SizeRootFs",
  "SizeRw",
  "StopTimeout",
  "UsageData",
])
const lists = new Set(["Mounts", "Shell", "Layers", "Cmd", "Entrypoint", "Env", "OnBuild"])
const texts = new Set([
  "Driver",
  "MacAddress",
  "Name",
  "OsVersion",
  "Runtime",
  "StopSignal",
  "Type",
  "User",
  "Variant",
  "WorkingDir",
])

/** Go's names of fields that JSON calls differently. A template that uses JSON's is executed over the plain JSON. */
const names: Readonly<Record<string, string>> = {
  APIVersion: "ApiVersion",
  CPUCfsPeriod: "CpuCfsPeriod",
  CPUCfsQuota: "CpuCfsQuota",
  CPUCount: "CpuCount",
  CPUPercent: "CpuPercent",
  CPUPeriod: "CpuPeriod",
  CPUQuota: "CpuQuota",
  CPURealtimePeriod: "CpuRealtimePeriod",
  CPURealtimeRuntime: "CpuRealtimeRuntime",
  CPUShares: "CpuShares",
  DNS: "Dns",
  DNSOptions: "DnsOptions",
  DNSSearch: "DnsSearch",
  HostIP: "HostIp",
  ID: "Id",
  NanoCPUs: "NanoCpus",
}

/** Fields that JSON leaves out when they are empty, with the value that Go's struct has for them. */
const absent: Absent = (name) => {
  if (pointers.has(name)) return { value: null }
  if (maps.has(name)) return { value: nilMap }
  if (lists.has(name)) return { value: nilList }
  return texts.has(name) ? { value: "" } : undefined
}

/**
 * The value of an API object for templates, with Go's types restored as far as templates can tell.
 * @param type Go's name of the object's type, which errors mention
 */
export const typedJson = (json: unknown, type?: string): Value => typed(json, "", "", type)

function typed(json: unknown, name: string, parent: string, type?: string): Value {
  const asMap = maps.has(name) || (name === "Config" && parent === "LogConfig")
  if (json === null || json === undefined) {
    if (pointers.has(name)) return null
    return asMap ? nilMap : nilList
  }
  if (Array.isArray(json)) return json.map((item) => typed(item, "", name))
  if (typeof json !== "object") return json as Value
  const entries = new Map(Object.entries(json).map(([key, item]) => [key, typed(item, asMap ? "" : key, name)]))
  if (!asMap) return new Struct(entries, { absent, names, type })
  return new GoMap(entries, [...entries.values()].every((item) => typeof item === "string") ? "" : undefined)
}
